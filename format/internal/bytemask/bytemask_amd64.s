#include "textflag.h"

// mask compares both halves of a block (Y4, Y5) with the byte in every lane of pattern and stores the 64 bits.
#define mask(pattern, at) \
	VPCMPEQB pattern, Y4, Y6  \
	VPCMPEQB pattern, Y5, Y7  \
	VPMOVMSKB Y6, R8          \
	VPMOVMSKB Y7, R9          \
	SHLQ $32, R9              \
	ORQ R9, R8                \
	MOVQ R8, at(DI)

// high stores the top bit of each byte of the block.
#define high(at) \
	VPMOVMSKB Y4, R8          \
	VPMOVMSKB Y5, R9          \
	SHLQ $32, R9              \
	ORQ R9, R8                \
	MOVQ R8, at(DI)

// func fieldsAVX2(dst *Fields, src *byte, blocks int, quote, delim byte)
TEXT ·fieldsAVX2(SB), NOSPLIT, $0-26
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ blocks+16(FP), CX
	MOVBLZX quote+24(FP), AX
	MOVQ AX, X0
	VPBROADCASTB X0, Y0
	MOVBLZX delim+25(FP), AX
	MOVQ AX, X1
	VPBROADCASTB X1, Y1
	MOVL $10, AX
	MOVQ AX, X2
	VPBROADCASTB X2, Y2
	VPCMPEQB Y3, Y3, Y3

fields:
	VMOVDQU (SI), Y4
	VMOVDQU 32(SI), Y5
	mask(Y0, 0)

	// Multiplied without carries by all ones, each bit becomes the parity of itself and those below.
	VMOVQ R8, X8
	VPCLMULQDQ $0, X3, X8, X8
	VMOVQ X8, 32(DI)
	mask(Y1, 8)
	mask(Y2, 16)
	high(24)
	ADDQ $64, SI
	ADDQ $40, DI
	DECQ CX
	JNZ fields
	VZEROUPPER
	RET

// func stringsAVX2(dst *Strings, src *byte, blocks int)
TEXT ·stringsAVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ blocks+16(FP), CX
	MOVL $34, AX
	MOVQ AX, X0
	VPBROADCASTB X0, Y0
	MOVL $92, AX
	MOVQ AX, X1
	VPBROADCASTB X1, Y1
	MOVL $31, AX
	MOVQ AX, X2
	VPBROADCASTB X2, Y2

strings:
	VMOVDQU (SI), Y4
	VMOVDQU 32(SI), Y5

	// A byte is below 0x20 when the smaller of it and 0x1f is itself.
	VPMINUB Y2, Y4, Y6
	VPCMPEQB Y6, Y4, Y6
	VPCMPEQB Y0, Y4, Y8
	VPOR Y8, Y6, Y6
	VPCMPEQB Y1, Y4, Y8
	VPOR Y8, Y6, Y6
	VPMINUB Y2, Y5, Y7
	VPCMPEQB Y7, Y5, Y7
	VPCMPEQB Y0, Y5, Y8
	VPOR Y8, Y7, Y7
	VPCMPEQB Y1, Y5, Y8
	VPOR Y8, Y7, Y7
	VPMOVMSKB Y6, R8
	VPMOVMSKB Y7, R9
	SHLQ $32, R9
	ORQ R9, R8
	MOVQ R8, 0(DI)
	high(8)
	ADDQ $64, SI
	ADDQ $16, DI
	DECQ CX
	JNZ strings
	VZEROUPPER
	RET

#include "textflag.h"

// found sets the bytes of out that are special among those of in: one of the two, or below 0x20.
#define found(in, c0, c1, low, out, tmp) \
	VPMINUB low, in, out  \
	VPCMPEQB out, in, out \
	VPCMPEQB c0, in, tmp  \
	VPOR tmp, out, out    \
	VPCMPEQB c1, in, tmp  \
	VPOR tmp, out, out

// func writeRows(w *writer)
//
// DI writer, R8 where the next byte goes, R9 the last place where a cell may begin, R11 columns, R12 row, R13 rows,
// BX column, SI its lane.
TEXT ·writeRows(SB), NOSPLIT, $0-8
	MOVQ w+0(FP), DI
	MOVQ 0(DI), R8
	MOVQ R8, R9
	ADDQ 8(DI), R8
	ADDQ 16(DI), R9
	SUBQ $256, R9
	MOVQ 32(DI), R11
	MOVQ 40(DI), R12
	MOVQ 48(DI), R13
	MOVQ 56(DI), BX
	VPBROADCASTQ 64(DI), Y0
	VPBROADCASTQ 72(DI), Y1
	MOVL $31, AX
	MOVQ AX, X2
	VPBROADCASTB X2, Y2
	IMUL3Q $48, BX, SI
	ADDQ 24(DI), SI

cell:
	CMPQ BX, R11
	JGE line
	CMPQ 32(SI), $3
	JEQ stop
	MOVQ R12, DX
	SHLQ $4, DX
	ADDQ 0(SI), DX
	MOVL 0(DX), CX
	LEAQ (R8)(CX*1), AX
	CMPQ AX, R9
	JHI stop
	CMPQ CX, $12
	JHI long
	TESTQ CX, CX
	JZ empty

	// The text stands in the header, behind the length.
	VMOVDQU (DX), X4
	VPSRLDQ $4, X4, X4
	found(X4, X0, X1, X2, X5, X6)
	VPMOVMSKB X5, AX
	BZHIL CX, AX, AX
	TESTL AX, AX
	JNZ stop

lead:
	MOVQ 16(SI), AX
	MOVQ 24(SI), DX
	VMOVDQU (AX), Y8
	VMOVDQU Y8, (R8)
	CMPQ DX, $32
	JLS short
	VMOVDQU 32(AX), Y8
	VMOVDQU Y8, 32(R8)

short:
	ADDQ DX, R8
	VMOVDQU X4, (R8)
	ADDQ CX, R8

quote:
	MOVB $34, (R8)
	ADDQ 40(SI), R8
	INCQ BX
	ADDQ $48, SI
	JMP cell

empty:
	MOVQ 32(SI), AX
	TESTQ AX, AX
	JZ lead
	CMPQ AX, $1
	JNE stop
	MOVQ 16(SI), AX
	MOVQ 24(SI), DX
	VMOVDQU (AX), Y8
	VMOVDQU Y8, (R8)
	CMPQ DX, $32
	JLS null
	VMOVDQU 32(AX), Y8
	VMOVDQU Y8, 32(R8)

null:
	ADDQ DX, R8
	MOVL $0x6c6c756e, -1(R8)
	ADDQ $3, R8
	INCQ BX
	ADDQ $48, SI
	JMP cell

long:
	// The header says buffer and offset. Whole words are read, so they must lie in the buffer.
	MOVL 8(DX), AX
	MOVL 12(DX), R10
	LEAQ (AX)(AX*2), AX
	MOVQ 8(SI), DX
	LEAQ (DX)(AX*8), DX
	LEAQ 31(CX), AX
	ANDQ $-32, AX
	ADDQ R10, AX
	CMPQ AX, 16(DX)
	JHI stop
	ADDQ 0(DX), R10
	MOVQ 16(SI), AX
	MOVQ 24(SI), DX
	VMOVDQU (AX), Y8
	VMOVDQU Y8, (R8)
	CMPQ DX, $32
	JLS text
	VMOVDQU 32(AX), Y8
	VMOVDQU Y8, 32(R8)

text:
	LEAQ (R8)(DX*1), AX
	MOVQ CX, DX

word:
	VMOVDQU (R10), Y4
	VMOVDQU Y4, (AX)
	found(Y4, Y0, Y1, Y2, Y5, Y6)
	VPMOVMSKB Y5, CX
	CMPQ DX, $32
	JLS last
	TESTL CX, CX
	JNZ stop
	ADDQ $32, R10
	ADDQ $32, AX
	SUBQ $32, DX
	JMP word

last:
	BZHIL DX, CX, CX
	TESTL CX, CX
	JNZ stop
	LEAQ (AX)(DX*1), R8
	JMP quote

line:
	CMPQ R8, R9
	JHI stop
	VMOVDQU 80(DI), Y8
	VMOVDQU Y8, (R8)
	ADDQ 112(DI), R8
	XORL BX, BX
	MOVQ 24(DI), SI
	INCQ R12
	CMPQ R12, R13
	JLT cell

stop:
	SUBQ 0(DI), R8
	MOVQ R8, 8(DI)
	MOVQ R12, 40(DI)
	MOVQ BX, 56(DI)
	VZEROUPPER
	RET

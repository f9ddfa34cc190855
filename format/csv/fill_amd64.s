#include "textflag.h"

// func fillAVX2(f *filler)
//
// A cell that begins with a quote and is longer than 33 bytes, or has a quote inside, is left to Go.
//
// SI data, R8 the ends of the row's cell, R9 bytes from row to row, R10 the row's header, R11 row, R12 rows, R13 the
// longest text, BX masks, AX where the cell begins, CX its length.
TEXT ·fillAVX2(SB), NOSPLIT, $0-8
	MOVQ f+0(FP), DI
	MOVQ 0(DI), SI
	MOVQ 8(DI), R8
	MOVQ 16(DI), R9
	MOVQ 24(DI), R10
	MOVQ 32(DI), R11
	MOVQ 40(DI), R12
	MOVQ 48(DI), R13
	MOVQ 56(DI), BX
	MOVQ R11, AX
	IMULQ R9, AX
	ADDQ AX, R8
	MOVQ R11, AX
	SHLQ $4, AX
	ADDQ AX, R10
	MOVL $0x22222222, DX
	VMOVD DX, X1
	VPBROADCASTD X1, Y1
	CMPQ R11, R12
	JGE stop

row:
	MOVL 0(R8), AX
	MOVL 4(R8), CX
	INCL AX
	SUBL AX, CX
	CMPB (SI)(AX*1), $34
	JEQ quoted

text:
	CMPQ CX, R13
	CMOVQGT CX, R13
	CMPL CX, $12
	JHI long
	VMOVDQU (SI)(AX*1), X0
	VPSLLDQ $4, X0, X0
	MOVQ CX, DX
	SHLQ $4, DX
	VPAND (BX)(DX*1), X0, X0
	VPINSRD $0, CX, X0, X0
	VMOVDQU X0, (R10)

next:
	ADDQ R9, R8
	ADDQ $16, R10
	INCQ R11
	CMPQ R11, R12
	JLT row

stop:
	MOVQ R11, 32(DI)
	MOVQ R13, 48(DI)
	VZEROUPPER
	RET

// The next quote of a field of at most 33 bytes must be its last byte: then the text lies between the two.
quoted:
	CMPL CX, $33
	JHI stop
	VPCMPEQB 1(SI)(AX*1), Y1, Y2
	VPMOVMSKB Y2, DX
	BSFL DX, DX
	JEQ stop
	SUBL $2, CX
	CMPL CX, DX
	JNE stop
	INCL AX
	JMP text

long:
	MOVL (SI)(AX*1), DX
	MOVL CX, 0(R10)
	MOVL DX, 4(R10)
	MOVL $0, 8(R10)
	MOVL AX, 12(R10)
	JMP next

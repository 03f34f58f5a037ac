# Symbols without type, as old compilers wrote them: a program, and a label inside it that is not one.
	.section	xdp_old,"ax",@progbits
	.globl	untyped
untyped:
	r0 = 2
	if r1 == 0 goto LBB0_1
	r0 = 1
LBB0_1:
	exit

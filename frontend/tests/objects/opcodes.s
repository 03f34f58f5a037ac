# Every operation of the instruction set as llvm-mc knows it (v4), for the disassembler.
	.section	xdp,"ax",@progbits
	.globl	opcodes
	.type	opcodes,@function
opcodes:
	r1 += r2
	r1 -= 5
	r1 += -5
	w1 *= w2
	r1 /= r2
	r1 s/= r2
	w1 s%= 3
	w3 s/= w4
	r3 %= 7
	r1 = -r1
	w1 = -w1
	r1 = (s8)r2
	r1 = (s16)r2
	r1 = (s32)r2
	w1 = (s8)w2
	w1 = (s16)w2
	r1 = le16 r1
	r1 = le64 r1
	r1 = be32 r1
	r1 = bswap16 r1
	r1 = bswap32 r1
	r1 = bswap64 r1
	r1 = 0x123456789abcdef0 ll
	r1 = -1 ll
	r1 = *(u8 *)(r2 + 0)
	r1 = *(u16 *)(r2 + 2)
	r1 = *(u32 *)(r2 + 32767)
	r1 = *(u64 *)(r2 - 32768)
	r1 = *(s8 *)(r2 - 4)
	r1 = *(s16 *)(r2 - 4)
	r1 = *(s32 *)(r2 - 4)
	*(u8 *)(r1 + 4) = r2
	*(u16 *)(r1 + 4) = r2
	*(u32 *)(r1 + 4) = r2
	*(u64 *)(r10 - 8) = r2
	*(u8 *)(r1 - 4) = 7
	*(u16 *)(r1 - 4) = 7
	*(u32 *)(r1 - 4) = 2147483647
	*(u64 *)(r1 - 4) = -7
	lock *(u64 *)(r1 + 0) += r2
	lock *(u64 *)(r1 + 0) |= r2
	lock *(u64 *)(r1 + 0) &= r2
	lock *(u64 *)(r1 + 0) ^= r2
	lock *(u32 *)(r1 + 0) += w2
	lock *(u32 *)(r1 + 0) |= w2
	lock *(u32 *)(r1 + 0) &= w2
	lock *(u32 *)(r1 + 0) ^= w2
	r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)
	r2 = atomic_fetch_or((u64 *)(r1 + 0), r2)
	r2 = atomic_fetch_and((u64 *)(r1 + 0), r2)
	r2 = atomic_fetch_xor((u64 *)(r1 + 0), r2)
	w2 = atomic_fetch_add((u32 *)(r1 - 8), w2)
	w2 = atomic_fetch_or((u32 *)(r1 - 8), w2)
	w2 = atomic_fetch_and((u32 *)(r1 - 8), w2)
	w2 = atomic_fetch_xor((u32 *)(r1 - 8), w2)
	r2 = xchg_64(r1 + 0, r2)
	w2 = xchg32_32(r1 + 0, w2)
	r0 = cmpxchg_64(r1 + 0, r0, r2)
	w0 = cmpxchg32_32(r1 + 0, w0, w2)
	r0 = *(u8 *)skb[6]
	r0 = *(u16 *)skb[6]
	r0 = *(u32 *)skb[r6]
	if r1 == r2 goto +1
	if r1 != 3 goto +1
	if r1 > r2 goto +1
	if r1 >= 3 goto +1
	if r1 < r2 goto +1
	if r1 <= 3 goto +1
	if r1 & r2 goto +1
	if r1 s> -3 goto -2
	if r1 s>= r3 goto -2
	if r1 s< -3 goto -2
	if r1 s<= r4 goto -2
	if w1 == w2 goto +0
	if w1 != -1 goto +0
	if w1 > w2 goto +0
	if w1 >= 1 goto +0
	if w1 < w2 goto +0
	if w1 <= w2 goto +0
	if w1 & 3 goto +0
	if w1 s> 3 goto +0
	if w1 s>= w3 goto +0
	if w1 s< 3 goto +0
	if w1 s<= w3 goto +0
	goto +0
	goto -1
	gotol +0
	may_goto +0
	call 1
	call 217
	r1 <<= 32
	w1 <<= w2
	r1 >>= r3
	w1 >>= 3
	r1 s>>= r2
	w1 s>>= 3
	r1 &= 255
	w1 &= w3
	r1 |= r2
	w1 |= 1
	r1 ^= -1
	w1 ^= w1
	r1 %= r2
	w1 %= 10
	w1 /= w3
	r1 s%= r2
	r1 = 5
	r1 = r10
	w1 = -1
	w1 = w2
	exit

#ifndef QUANT_KERNEL_INLINE_H
#define QUANT_KERNEL_INLINE_H

#define INLINE static inline __attribute__((always_inline))

/* Before a loop over a few vectors: they lie in registers only if it is unrolled. */
#if defined(__SANITIZE_ADDRESS__)
#define UNROLL /* what gcc adds to each access would be compiled for minutes */
#elif defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

#endif

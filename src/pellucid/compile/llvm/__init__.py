"""The LLVM backend: text IR, a just-in-time compiler with a disk cache, vector mathematics and BLAS."""

"""Reduction of huge angles modulo pi/2 in exact integer arithmetic (Payne and Hanek, 1983)."""

from pellucid.compile.llvm.math import coefficients as c
from pellucid.compile.llvm.math.builder import literal

REDUCE = "pm_reduce_angle"


# x = m 2**e with a 53-bit integer m. n is wanted modulo 4 only: the bits of 2/pi that m 2**e turns into multiples of 4
# drop out, and of the rest 192 bits are enough for a result good to 2**-70 at the worst double.
_TEMPLATE = """
@pm_two_over_pi = internal constant [{count} x i64] [{words}]

define internal {{double, double, double}} @{name}(double %x) noinline nounwind willreturn memory(none) {{
  %bits = bitcast double %x to i64
  %shifted = lshr i64 %bits, 52
  %biased = and i64 %shifted, 2047
  %fraction = and i64 %bits, 4503599627370495
  %mantissa = or i64 %fraction, 4503599627370496
  ; Bit 0 of the table weighs 2**63. The window starts at the bit that weighs 2 once multiplied by 2**(biased - 1075).
  %start = sub i64 %biased, 1013
  %word = lshr i64 %start, 6
  %offset = and i64 %start, 63
  %p0 = getelementptr [{count} x i64], ptr @pm_two_over_pi, i64 0, i64 %word
  %p1 = getelementptr i64, ptr %p0, i64 1
  %p2 = getelementptr i64, ptr %p0, i64 2
  %p3 = getelementptr i64, ptr %p0, i64 3
  %w0 = load i64, ptr %p0, align 8
  %w1 = load i64, ptr %p1, align 8
  %w2 = load i64, ptr %p2, align 8
  %w3 = load i64, ptr %p3, align 8
  %a0 = call i64 @llvm.fshl.i64(i64 %w0, i64 %w1, i64 %offset)
  %a1 = call i64 @llvm.fshl.i64(i64 %w1, i64 %w2, i64 %offset)
  %a2 = call i64 @llvm.fshl.i64(i64 %w2, i64 %w3, i64 %offset)
  ; The product with the mantissa modulo 2**192: its top two bits are the quadrant.
  %m = zext i64 %mantissa to i128
  %x2 = zext i64 %a2 to i128
  %x1 = zext i64 %a1 to i128
  %low = mul i128 %m, %x2
  %carry = lshr i128 %low, 64
  %part = mul i128 %m, %x1
  %middle = add i128 %part, %carry
  %carried = lshr i128 %middle, 64
  %carried64 = trunc i128 %carried to i64
  %product = mul i64 %mantissa, %a0
  %t0 = add i64 %product, %carried64
  %t1 = trunc i128 %middle to i64
  %t2 = trunc i128 %low to i64
  ; Round to the nearest quadrant and take what is left, a signed fraction of it, as sign and magnitude.
  %rounded = add i64 %t0, 2305843009213693952
  %quadrant = lshr i64 %rounded, 62
  %f0 = call i64 @llvm.fshl.i64(i64 %t0, i64 %t1, i64 2)
  %f1 = call i64 @llvm.fshl.i64(i64 %t1, i64 %t2, i64 2)
  %f2 = shl i64 %t2, 2
  %sign = ashr i64 %f0, 63
  %g0 = xor i64 %f0, %sign
  %g1 = xor i64 %f1, %sign
  %g2 = xor i64 %f2, %sign
  ; Move the leading one to the top and read off twice 53 bits.
  %none = icmp eq i64 %g0, 0
  %h0 = select i1 %none, i64 %g1, i64 %g0
  %h1 = select i1 %none, i64 %g2, i64 %g1
  %h2 = select i1 %none, i64 0, i64 %g2
  %skipped = select i1 %none, i64 64, i64 0
  %zeros = call i64 @llvm.ctlz.i64(i64 %h0, i1 false)
  %n0 = call i64 @llvm.fshl.i64(i64 %h0, i64 %h1, i64 %zeros)
  %n1 = call i64 @llvm.fshl.i64(i64 %h1, i64 %h2, i64 %zeros)
  %top = lshr i64 %n0, 11
  %rest = call i64 @llvm.fshl.i64(i64 %n0, i64 %n1, i64 53)
  %next = lshr i64 %rest, 11
  %high = uitofp i64 %top to double
  %lower = uitofp i64 %next to double
  %depth = add i64 %zeros, %skipped
  %exponent = sub i64 970, %depth
  %exponent2 = sub i64 917, %depth
  %scale_bits = shl i64 %exponent, 52
  %scale2_bits = shl i64 %exponent2, 52
  %scale = bitcast i64 %scale_bits to double
  %scale2 = bitcast i64 %scale2_bits to double
  %u = fmul double %high, %scale
  %v = fmul double %lower, %scale2
  ; Times pi/2, in double-double by halves of 26 bits: this path need not be fast.
  %u_scaled = fmul double %u, 134217729.0
  %u_gap = fsub double %u_scaled, %u
  %u_high = fsub double %u_scaled, %u_gap
  %u_low = fsub double %u, %u_high
  %r = fmul double %u, {pi_high}
  %pi_scaled = fmul double {pi_high}, 134217729.0
  %pi_gap = fsub double %pi_scaled, {pi_high}
  %p_high = fsub double %pi_scaled, %pi_gap
  %p_low = fsub double {pi_high}, %p_high
  %hh = fmul double %u_high, %p_high
  %e0 = fsub double %hh, %r
  %hl = fmul double %u_high, %p_low
  %e1 = fadd double %e0, %hl
  %lh = fmul double %u_low, %p_high
  %e2 = fadd double %e1, %lh
  %ll = fmul double %u_low, %p_low
  %e3 = fadd double %e2, %ll
  %v_pi = fmul double %v, {pi_high}
  %u_pi = fmul double %u, {pi_low}
  %e4 = fadd double %v_pi, %u_pi
  %e5 = fadd double %e3, %e4
  ; A negative angle mirrors the quadrant and the rest.
  %mirrored = xor i64 %bits, %sign
  %minus = icmp slt i64 %mirrored, 0
  %r_minus = fneg double %r
  %e_minus = fneg double %e5
  %r_signed = select i1 %minus, double %r_minus, double %r
  %e_signed = select i1 %minus, double %e_minus, double %e5
  %negative = icmp slt i64 %bits, 0
  %opposite = sub i64 0, %quadrant
  %turns = select i1 %negative, i64 %opposite, i64 %quadrant
  %turns_double = bitcast i64 %turns to double
  %s0 = insertvalue {{double, double, double}} poison, double %r_signed, 0
  %s1 = insertvalue {{double, double, double}} %s0, double %e_signed, 1
  %s2 = insertvalue {{double, double, double}} %s1, double %turns_double, 2
  ret {{double, double, double}} %s2
}}
declare i64 @llvm.fshl.i64(i64, i64, i64)
declare i64 @llvm.ctlz.i64(i64, i1)
"""


def _reduce_angle() -> str:
    """Return the IR of a function from an angle to {r, what r lacks, the bits of n}, for finite |x| >= 1/2."""
    # A word of zeros before the point: angles below 2**53 find a window too.
    words = (0, *c.TWO_OVER_PI_WORDS)
    return _TEMPLATE.format(
        name=REDUCE,
        count=len(words),
        words=", ".join(f"i64 {word}" for word in words),
        pi_high=literal(c.HALF_PI[0]),
        pi_low=literal(c.HALF_PI[1]),
    )


HELPERS = {REDUCE: _reduce_angle}
"""Scalar functions that vector code calls lane by lane: name to the writer of its IR."""

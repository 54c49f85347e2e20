// Student's t distribution: for means of a few values, and for differences against a noise known from a few runs.
//
// Threading: pure functions.
// Method: the regularised incomplete beta function by its continued fraction (Abramowitz and Stegun 26.5.8);
// accurate to about 1e-12 for 1 to 10^4 degrees of freedom.
#pragma once

namespace violet::results {

// P(|T| >= t) for t >= 0; `freedom` above 0, or infinite for the normal distribution.
double student_p(double t, double freedom);
// The t that |T| reaches or exceeds with probability `p`, in (0, 1).
double student_t(double p, double freedom);

}  // namespace violet::results

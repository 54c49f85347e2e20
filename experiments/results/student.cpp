#include "experiments/results/student.hpp"

#include <cmath>

namespace violet::results {
namespace {

// Lentz's method on the continued fraction of I_x(a, b); converges fast for x below (a + 1) / (a + b + 2).
double beta_fraction(double x, double a, double b) {
  constexpr double kTiny = 1e-300, kPrecise = 1e-15;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::abs(d) < kTiny ? kTiny : d);
  double result = d;
  for (int i = 1; i <= 500; ++i) {
    const double even = i * (b - i) * x / ((a + 2 * i - 1) * (a + 2 * i));
    const double odd = -(a + i) * (a + b + i) * x / ((a + 2 * i) * (a + 2 * i + 1));
    double step = 1;
    for (const double factor : {even, odd}) {
      d = 1 + factor * d;
      d = 1 / (std::abs(d) < kTiny ? kTiny : d);
      c = 1 + factor / c;
      if (std::abs(c) < kTiny) c = kTiny;
      step = c * d;
      result *= step;
    }
    if (std::abs(step - 1) < kPrecise) break;
  }
  return result;
}

double incomplete_beta(double x, double a, double b) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(x, a, b) / a;
  return 1 - front * beta_fraction(1 - x, b, a) / b;
}

}  // namespace

double student_p(double t, double freedom) {
  if (!std::isfinite(t)) return 0;
  if (!std::isfinite(freedom)) return std::erfc(t / std::sqrt(2.0));
  return incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5);
}

double student_t(double p, double freedom) {
  double low = 0, high = 1;
  while (student_p(high, freedom) > p) high *= 2;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (student_p(middle, freedom) > p ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace violet::results

#include "gui/observe/address_ticks.hpp"

#include <QStringList>
#include <algorithm>
#include <cmath>

namespace violet::gui {

std::vector<std::uint64_t> address_ticks(const IovaRange& range, double pixels, double spacing) {
  const double size = static_cast<double>(range.size_minus_one()) + 1;
  const double most = std::max(1.0, std::floor(pixels / spacing));
  int shift = 12;
  while (shift < 63 && size / std::ldexp(1.0, shift) > most) ++shift;
  const std::uint64_t step = std::uint64_t{1} << shift;
  std::uint64_t at = range.first.value / step * step;
  if (at < range.first.value) at += step;  // Wraps at the end of the space: caught below.
  std::vector<std::uint64_t> ticks;
  while (range.contains(Iova{at}) && ticks.size() <= std::size_t(most)) {
    ticks.push_back(at);
    if (at + step < at) break;
    at += step;
  }
  if (ticks.empty()) ticks.push_back(range.first.value);
  return ticks;
}

QString short_address(std::uint64_t address) {
  const QString digits = QStringLiteral("%1").arg(address, 16, 16, QLatin1Char('0'));
  QStringList groups;
  for (int i = 0; i < 16; i += 4) groups << digits.mid(i, 4);
  const QString zero = QStringLiteral("0000");
  while (groups.size() > 2 && groups.first() == zero) groups.removeFirst();
  if (groups.size() > 2 && groups.last() == zero && groups.at(groups.size() - 2) == zero) {
    while (groups.size() > 1 && groups.last() == zero) groups.removeLast();
    groups << QStringLiteral("…");
  }
  return groups.join(QLatin1Char('_'));
}

QString fitting_address(std::uint64_t address, double room,
                        const std::function<double(const QString&)>& width) {
  const QString whole = short_address(address);
  if (width(whole) <= room) return whole;
  QStringList groups = whole.split(QLatin1Char('_'));
  QString text;
  while (groups.size() > 1) {
    groups.removeFirst();
    text = QStringLiteral("…_") + groups.join(QLatin1Char('_'));
    if (width(text) <= room) break;
  }
  return text;
}

}  // namespace violet::gui

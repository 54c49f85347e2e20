#include "gui/topology/topology_picture.hpp"

#include <QFontMetricsF>
#include <QMouseEvent>
#include <QPainter>
#include <QPainterPath>
#include <QToolTip>
#include <algorithm>
#include <cmath>

#include "engine/protocol/properties.hpp"
#include "gui/kit/frame.hpp"
#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {
namespace {

constexpr double kLabelGap = 10;

QColor colourOf(Permissions permissions) {
  const bool reads = allows(permissions, Access::kRead),
             writes = allows(permissions, Access::kWrite);
  if (reads && writes) return theme().map;
  return writes ? theme().copy : theme().unmap;
}

QString regionText(std::uint8_t kind) {
  return kind == static_cast<std::uint8_t>(protocol::RegionKind::kMsi)
             ? QStringLiteral("MSI region")
             : QStringLiteral("reserved region");
}

void drawText(QPainter& painter, const QRectF& box, int flags, const QString& text) {
  const QFontMetricsF metrics(painter.font());
  painter.drawText(box, flags, metrics.elidedText(text, Qt::ElideRight, box.width()));
}

double mappedBytes(const TopologyState::Domain& domain) {
  double bytes = 0;
  for (const auto& mapping : domain.mappings) bytes += bytesIn(mapping.range);
  return bytes;
}

}  // namespace

TopologyPicture::TopologyPicture(QWidget* parent) : QWidget(parent) {
  setMouseTracking(true);
  setAccessibleName(tr("Picture of endpoints, domains and address spaces"));
  connect(&Themes::instance(), &Themes::changed, this, qOverload<>(&QWidget::update));
}

void TopologyPicture::setState(TopologyState state) {
  state_ = std::move(state);
  relayout();
}

void TopologyPicture::setMarked(std::optional<std::uint32_t> domain, std::optional<IovaRange> range,
                                std::optional<std::uint32_t> endpoint) {
  marked_domain_ = domain;
  marked_range_ = range;
  marked_endpoint_ = endpoint;
  update();
}

void TopologyPicture::setViewHeight(int height) {
  if (height == view_height_) return;
  view_height_ = height;
  relayout();
}

void TopologyPicture::relayout() {
  layout_ = layOut(state_, width(), view_height_);
  setMinimumHeight(static_cast<int>(std::ceil(layout_.height)));
  update();
}

QSize TopologyPicture::sizeHint() const {
  return {width(), static_cast<int>(std::ceil(naturalHeight(state_, width())))};
}

void TopologyPicture::resizeEvent(QResizeEvent*) { relayout(); }

void TopologyPicture::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.fillRect(rect(), theme().panel);
  paintContent(painter, layout_, width());
}

void TopologyPicture::paint(QPainter& painter, const QRectF& area) const {
  painter.save();
  painter.fillRect(area, theme().panel);
  painter.translate(area.topLeft());
  const TopologyLayout layout = layOut(state_, area.width(), area.height());
  const double scale = std::min(1.0, area.height() / layout.height);
  if (scale < 1) {
    const double width = area.width() / scale;
    painter.scale(scale, scale);
    paintContent(painter, layOut(state_, width, area.height() / scale), width);
  } else {
    paintContent(painter, layout, area.width());
  }
  painter.restore();
}

void TopologyPicture::paintContent(QPainter& painter, const TopologyLayout& layout,
                                   double width) const {
  painter.setRenderHint(QPainter::Antialiasing);
  paintTitles(painter, layout, width);
  paintLines(painter, layout);
  for (const auto& one : layout.endpoints) paintEndpoint(painter, one);
  for (const auto& one : layout.domains) paintDomain(painter, layout, one);
  if (!layout.domains.empty()) paintAxis(painter, layout);
}

void TopologyPicture::paintTitles(QPainter& painter, const TopologyLayout& layout,
                                  double width) const {
  painter.setFont(text_font(9, true));
  painter.setPen(theme().text);
  const auto title = [&painter](double x, double w, const QString& text) {
    drawText(painter, {x, 12, w, 20}, Qt::AlignLeft | Qt::AlignVCenter, text);
  };
  title(16, 220, tr("Endpoints (%L1)").arg(state_.endpoints.size()));
  title(256, 176, tr("Domains (%L1)").arg(state_.domains.size()));
  const std::vector<LegendEntry> legend = {
      {tr("read and write"), theme().map, LegendEntry::Mark::kBox},
      {tr("read"), theme().unmap, LegendEntry::Mark::kBox},
      {tr("write"), theme().copy, LegendEntry::Mark::kBox},
      {tr("reserved"), theme().muted, LegendEntry::Mark::kHatch}};
  painter.setFont(text_font(9));
  const QRectF row(layout.bar_left + 150, 12, std::max(0.0, width - 16 - layout.bar_left - 150),
                   20);
  const double left = draw_legend(painter, row, legend);
  painter.setFont(text_font(9, true));
  painter.setPen(theme().text);
  title(layout.bar_left, std::max(0.0, left - layout.bar_left - 8), tr("Mapped addresses (IOVA)"));
}

void TopologyPicture::paintLines(QPainter& painter, const TopologyLayout& layout) const {
  painter.setBrush(Qt::NoBrush);
  for (const auto& one : layout.endpoints) {
    const QPointF from(one.box.right(), one.box.center().y());
    const bool marked = marked_endpoint_ == state_.endpoints[one.index].id;
    QPen pen(marked ? theme().accent : theme().muted, marked ? 2 : 1);
    if (!one.domain) {
      pen.setDashPattern({3, 3});
      painter.setPen(pen);
      painter.drawLine(from, from + QPointF(28, 0));
      painter.setFont(text_font(9));
      painter.setPen(theme().muted);
      painter.drawText(QRectF(from.x() + 34, one.box.top(), 180, one.box.height()),
                       Qt::AlignVCenter | Qt::AlignLeft,
                       state_.endpoints[one.index].attachment ? tr("not attached to a domain")
                                                              : tr("in which domain is not known"));
      continue;
    }
    const QRectF& domain = layout.domains[*one.domain].box;
    const QPointF to(domain.left(), domain.center().y());
    QPainterPath path(from);
    const double bend = (to.x() - from.x()) * 0.55;
    path.cubicTo(from + QPointF(bend, 0), to - QPointF(bend, 0), to);
    painter.setPen(pen);
    painter.drawPath(path);
  }
}

void TopologyPicture::paintEndpoint(QPainter& painter,
                                    const TopologyLayout::EndpointBox& one) const {
  const auto& endpoint = state_.endpoints[one.index];
  const bool marked = marked_endpoint_ == endpoint.id;
  painter.setPen(QPen(marked ? theme().accent : theme().rule, marked ? 2 : 1));
  painter.setBrush(theme().raised);
  painter.drawRoundedRect(one.box, 3, 3);
  painter.setFont(number_font(9));
  painter.setPen(theme().text);
  const QRectF text = one.box.adjusted(8, 0, -8, 0);
  const QString id = idText(endpoint.id);
  painter.drawText(text, Qt::AlignVCenter | Qt::AlignLeft, id);
  if (endpoint.regions.empty()) return;
  const double used = QFontMetricsF(painter.font()).horizontalAdvance(id) + 8;
  painter.setFont(text_font(8));
  painter.setPen(theme().muted);
  const QString regions = countedText(endpoint.regions.size(), "reserved region");
  drawText(painter, text.adjusted(used, 0, 0, 0), Qt::AlignVCenter | Qt::AlignRight, regions);
}

void TopologyPicture::paintDomain(QPainter& painter, const TopologyLayout& layout,
                                  const TopologyLayout::DomainBox& one) const {
  const auto& domain = state_.domains[one.index];
  const bool marked = marked_domain_ == domain.id;
  painter.setPen(QPen(marked ? theme().accent : theme().rule, marked ? 2 : 1));
  painter.setBrush(theme().raised);
  painter.drawRoundedRect(one.box, 3, 3);
  painter.setFont(text_font(10, true));
  painter.setPen(theme().text);
  const QRectF inner = one.box.adjusted(10, 7, -8, -7);
  painter.drawText(inner, Qt::AlignTop | Qt::AlignLeft, tr("Domain %1").arg(domain.id));
  painter.setFont(text_font(9));
  painter.setPen(theme().muted);
  QString says = mappingsText(domain);
  if (domain.truncated)
    says += tr(", first %L1 drawn").arg(domain.mappings.size());
  else if (domain.mapping_count)
    says += QStringLiteral(", ") + bytesText(mappedBytes(domain));
  drawText(painter, inner, Qt::AlignBottom | Qt::AlignLeft, says);

  painter.setRenderHint(QPainter::Antialiasing, false);
  painter.setPen(QPen(theme().muted, 1));
  const double middle = one.bar.center().y();
  painter.drawLine(QPointF(one.box.right(), middle), QPointF(layout.bar_left, middle));
  for (const auto& segment : layout.axis.segments()) {
    const double x = layout.bar_left + layout.bar_width * segment.from;
    const double w = layout.bar_width * (segment.to - segment.from);
    painter.fillRect(QRectF(x, one.bar.top(), w, one.bar.height()), theme().grid);
  }
  for (const auto& region : one.regions) {
    const QRectF rect = layout.rect_of(one, region.range);
    painter.fillRect(rect, hatch(theme().muted));
    painter.setPen(QPen(theme().muted, 1));
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(rect);
  }
  for (const auto& mapping : domain.mappings) {
    painter.fillRect(layout.rect_of(one, mapping.range), colourOf(mapping.permissions));
  }
  if (marked && marked_range_) {
    painter.setPen(QPen(theme().accent, 2));
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(layout.rect_of(one, *marked_range_).adjusted(-2, -3, 2, 3));
  }
  painter.setRenderHint(QPainter::Antialiasing);
}

// The first address of each part under its left end, its size in its middle where there is room; the breaks
// between parts as two slanted strokes.
void TopologyPicture::paintAxis(QPainter& painter, const TopologyLayout& layout) const {
  const QFont font = number_font(8);
  painter.setFont(font);
  const QFontMetricsF metrics(font);
  double free_from[2] = {0, 0};  // Two rows of labels.
  const auto& segments = layout.axis.segments();
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const double x = layout.bar_left + layout.bar_width * segments[i].from;
    const double right = layout.bar_left + layout.bar_width * segments[i].to;
    painter.setPen(QPen(theme().muted, 1));
    painter.drawLine(QPointF(x, layout.axis_y), QPointF(right, layout.axis_y));
    painter.drawLine(QPointF(x, layout.axis_y), QPointF(x, layout.axis_y + 5));
    if (i + 1 < segments.size()) {
      const double middle = right + layout.bar_width * AddressAxis::kBreakShare / 2;
      for (const double aside : {-2.0, 2.0}) {
        painter.drawLine(QPointF(middle + aside - 2, layout.axis_y + 4),
                         QPointF(middle + aside + 2, layout.axis_y - 4));
      }
    }
    const QString label = addressText(segments[i].range.first.value);
    const double width = metrics.horizontalAdvance(label);
    const double at = std::min(x, layout.bar_left + layout.bar_width - width);
    for (int row = 0; row < 2; ++row) {
      if (at < free_from[row]) continue;
      painter.setPen(theme().text);
      const double y = layout.axis_y + 8 + row * 15;
      painter.drawText(QRectF(at, y, width + 1, 14), Qt::AlignLeft | Qt::AlignTop, label);
      free_from[row] = at + width + kLabelGap;
      const QString size = bytesText(bytesIn(segments[i].range));
      const double size_width = metrics.horizontalAdvance(size);
      if (at + width + kLabelGap + size_width < right) {
        painter.setPen(theme().muted);
        painter.drawText(QRectF(at + width + kLabelGap, y, size_width + 1, 14), Qt::AlignLeft,
                         size);
        free_from[row] += size_width + kLabelGap;
      }
      break;
    }
  }
}

// ---- the mouse

const TopologyState::Mapping* TopologyPicture::mappingAt(const TopologyLayout::DomainBox& one,
                                                         const QPointF& at) const {
  const auto& mappings = state_.domains[one.index].mappings;
  // Ascending, so the last one that begins left of the pointer is the only candidate.
  const auto behind = std::upper_bound(mappings.begin(), mappings.end(), at.x(),
                                       [this](double x, const TopologyState::Mapping& m) {
                                         return x < layout_.x_of(m.range.first);
                                       });
  if (behind == mappings.begin()) return nullptr;
  const auto& mapping = *(behind - 1);
  return layout_.rect_of(one, mapping.range).adjusted(-1, 0, 1, 0).contains(at) ? &mapping
                                                                                : nullptr;
}

QString TopologyPicture::describe(const QPointF& at) const {
  for (const auto& one : layout_.endpoints) {
    if (!one.box.contains(at)) continue;
    const auto& endpoint = state_.endpoints[one.index];
    QString says = tr("endpoint %1").arg(idText(endpoint.id));
    for (const auto& region : endpoint.regions) {
      says += QStringLiteral("\n%1 %2").arg(regionText(region.kind), rangeText(region.range));
    }
    return says;
  }
  for (const auto& one : layout_.domains) {
    if (!one.bar.adjusted(0, -4, 0, 4).contains(at)) continue;
    if (const auto* mapping = mappingAt(one, at)) {
      return QStringLiteral("%1\n%2, %3, mapped at %4")
          .arg(rangeText(mapping->range), bytesText(bytesIn(mapping->range)),
               permissionsText(mapping->permissions), timeText(mapping->since));
    }
    for (const auto& region : one.regions) {
      if (!layout_.rect_of(one, region.range).contains(at)) continue;
      return QStringLiteral("%1\n%2").arg(regionText(region.kind), rangeText(region.range));
    }
  }
  return {};
}

QString TopologyPicture::needleAt(const QPointF& at) const {
  for (const auto& one : layout_.endpoints) {
    if (one.box.contains(at)) return idText(state_.endpoints[one.index].id);
  }
  for (const auto& one : layout_.domains) {
    if (!one.bar.contains(at)) continue;
    if (const auto* mapping = mappingAt(one, at)) return addressText(mapping->range.first.value);
  }
  return {};
}

void TopologyPicture::mouseMoveEvent(QMouseEvent* event) {
  const QString says = describe(event->position());
  if (says.isEmpty()) {
    QToolTip::hideText();
  } else {
    QToolTip::showText(event->globalPosition().toPoint() + QPoint(12, 12), says, this);
  }
}

void TopologyPicture::mousePressEvent(QMouseEvent* event) {
  emit picked(needleAt(event->position()));
}

}  // namespace violet::gui

#include "gui/topology/viot_picture.hpp"

#include <QFontMetricsF>
#include <QMouseEvent>
#include <QPainter>
#include <QPainterPath>
#include <algorithm>
#include <cmath>

#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"
#include "gui/topology/viot_table.hpp"

namespace violet::gui {

using protocol::ViotMmioEndpoint;
using protocol::ViotMmioIommu;
using protocol::ViotNode;
using protocol::ViotPciIommu;
using protocol::ViotPciRange;

namespace {

constexpr double kViotMargin = 16, kViotTitle = 48, kBoxHeight = 56, kViotGap = 10;
constexpr double kMostWidth = 400;

QString hex(std::uint64_t value) { return QStringLiteral("0x%1").arg(value, 0, 16); }

}  // namespace

ViotPicture::ViotPicture(QWidget* parent) : QWidget(parent) {
  setAccessibleName(tr("Picture of a VIOT table"));
  connect(&Themes::instance(), &Themes::changed, this, qOverload<>(&QWidget::update));
}

void ViotPicture::setTable(protocol::ViotTable table) {
  table_ = std::move(table);
  marked_.reset();
  setMinimumHeight(static_cast<int>(std::ceil(layOut(width()).height)));
  update();
}

void ViotPicture::setMarked(std::optional<std::size_t> node) {
  marked_ = node;
  update();
}

QSize ViotPicture::sizeHint() const {
  return {width(), static_cast<int>(std::ceil(layOut(width()).height))};
}

ViotPicture::Layout ViotPicture::layOut(double width) const {
  Layout layout;
  const double box = std::min(kMostWidth, (width - 2 * kViotMargin) * 0.4);
  // The two columns stay within sight of each other on a wide screen.
  const double right = std::min(width - kViotMargin - box, kViotMargin + 2 * kMostWidth);
  double y = kViotMargin + kViotTitle, y_right = y;
  for (std::size_t i = 0; i < table_.nodes.size(); ++i) {
    if (table_.nodes[i].is_iommu()) {
      layout.iommus.push_back({i, {right, y_right, box, kBoxHeight}});
      y_right += kBoxHeight + kViotGap;
    } else if (layout.endpoints.size() < kMostDrawn) {
      layout.endpoints.push_back({i, {kViotMargin, y, box, kBoxHeight}});
      y += kBoxHeight + kViotGap;
    } else {
      ++layout.left_out;
    }
  }
  const double aside = (y - y_right) / 2;
  for (Box& one : aside > 0 ? layout.iommus : layout.endpoints) {
    one.box.translate(0, std::abs(aside));
  }
  layout.height = std::max(y, y_right) + kViotMargin + (layout.left_out > 0 ? 24 : 0);
  return layout;
}

void ViotPicture::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.fillRect(rect(), theme().panel);
  paintContent(painter, layOut(width()));
}

void ViotPicture::paint(QPainter& painter, const QRectF& area) const {
  painter.save();
  painter.fillRect(area, theme().panel);
  painter.translate(area.topLeft());
  const double scale = std::min(1.0, area.height() / layOut(area.width()).height);
  painter.scale(scale, scale);
  paintContent(painter, layOut(area.width() / scale));
  painter.restore();
}

void ViotPicture::paintContent(QPainter& painter, const Layout& layout) const {
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setFont(text_font(9, true));
  painter.setPen(theme().text);
  painter.drawText(
      QRectF(kViotMargin, 12, 900, 18), Qt::AlignVCenter,
      tr("VIOT of %1 (%2), revision %3, %4 bytes, %5")
          .arg(QString::fromStdString(table_.oem_id), QString::fromStdString(table_.oem_table_id))
          .arg(table_.revision)
          .arg(table_.length)
          .arg(countedText(table_.nodes.size(), "node")));
  painter.setFont(text_font(9));
  painter.setPen(theme().muted);
  painter.drawText(QRectF(kViotMargin, 34, 300, 18), Qt::AlignVCenter,
                   tr("Endpoints (the stripe: which of the 256 buses)"));
  if (!layout.iommus.empty()) {
    painter.drawText(QRectF(layout.iommus.front().box.left(), 34, 300, 18), Qt::AlignVCenter,
                     tr("IOMMUs that they are behind"));
  }
  for (const Box& one : layout.endpoints) {
    const auto iommu = iommuOf(table_.nodes[one.node]);
    for (const Box& other : layout.iommus) {
      if (iommu != other.node) continue;
      paintArrow(painter, one.box, other.box, marked_ == one.node || marked_ == other.node);
    }
  }
  for (const Box& one : layout.endpoints) paintEndpoint(painter, one);
  for (const Box& one : layout.iommus) paintIommu(painter, one);
  if (layout.left_out == 0) return;
  painter.setPen(theme().muted);
  painter.drawText(QRectF(kViotMargin, layout.height - 28, 600, 18), Qt::AlignVCenter,
                   tr("%1 more in the table below").arg(countedText(layout.left_out, "node")));
}

void ViotPicture::paintArrow(QPainter& painter, const QRectF& from, const QRectF& to,
                             bool marked) const {
  const QColor colour = marked ? theme().accent : theme().muted;
  const QPointF a(from.right(), from.center().y()), b(to.left() - 2, to.center().y());
  const double bend = (b.x() - a.x()) * 0.5;
  QPainterPath path(a);
  path.cubicTo(a + QPointF(bend, 0), b - QPointF(bend, 0), b - QPointF(8, 0));
  painter.setPen(QPen(colour, marked ? 2 : 1));
  painter.setBrush(Qt::NoBrush);
  painter.drawPath(path);
  painter.setBrush(colour);
  painter.setPen(Qt::NoPen);
  painter.drawPolygon(QPolygonF({b, b + QPointF(-9, -4.5), b + QPointF(-9, 4.5)}));
}

void ViotPicture::paintBox(QPainter& painter, const Box& one, const QString& title,
                           const QString& below) const {
  const bool marked = marked_ == one.node;
  painter.setPen(QPen(marked ? theme().accent : theme().rule, marked ? 2 : 1));
  painter.setBrush(theme().raised);
  painter.drawRoundedRect(one.box, 3, 3);
  const QRectF inner = one.box.adjusted(10, 7, -10, -8);
  const QString offset = hex(table_.nodes[one.node].offset);
  painter.setFont(number_font(8));
  painter.setPen(theme().muted);
  painter.drawText(inner, Qt::AlignTop | Qt::AlignRight, offset);
  const double taken = QFontMetricsF(painter.font()).horizontalAdvance(offset) + 10;
  const auto cut = [&painter](const QString& text, double width) {
    return QFontMetricsF(painter.font()).elidedText(text, Qt::ElideRight, width);
  };
  painter.setFont(text_font(9, true));
  painter.setPen(theme().text);
  painter.drawText(inner, Qt::AlignTop | Qt::AlignLeft, cut(title, inner.width() - taken));
  painter.setFont(number_font(9));
  painter.setPen(theme().muted);
  painter.drawText(inner, Qt::AlignBottom | Qt::AlignLeft, cut(below, inner.width()));
}

// The stripe at the foot of a PCI range: which of the 256 buses it covers.
void ViotPicture::paintEndpoint(QPainter& painter, const Box& one) const {
  const ViotNode& node = table_.nodes[one.node];
  if (const auto* mmio = std::get_if<ViotMmioEndpoint>(&node.what)) {
    return paintBox(painter, one, tr("MMIO device at %1").arg(addressText(mmio->base_address)),
                    tr("endpoint %1").arg(hex(mmio->endpoint)));
  }
  const auto& range = std::get<ViotPciRange>(node.what);
  const bool single = range.bdf_start == range.bdf_end && range.segment_start == range.segment_end;
  const QString first = segmentBdf(range.segment_start, range.bdf_start);
  const QString title =
      single
          ? tr("PCI function %1").arg(first)
          : tr("PCI functions %1 to %2").arg(first, segmentBdf(range.segment_end, range.bdf_end));
  const QString ids = endpointRange(range.endpoint_start, viot_last_endpoint(range));
  paintBox(painter, one, title, single ? tr("endpoint %1").arg(ids) : tr("endpoints %1").arg(ids));
  const QRectF stripe(one.box.left() + 1, one.box.bottom() - 4, one.box.width() - 2, 3);
  painter.fillRect(stripe, theme().grid);
  const double from = stripe.left() + stripe.width() * range.bdf_start.value / 65536.0;
  const double to = stripe.left() + stripe.width() * (range.bdf_end.value + 1) / 65536.0;
  painter.fillRect(QRectF(from, stripe.top(), std::max(2.0, to - from), 3), theme().map);
}

void ViotPicture::paintIommu(QPainter& painter, const Box& one) const {
  const ViotNode& node = table_.nodes[one.node];
  std::size_t behind = 0;
  for (const ViotNode& other : table_.nodes) behind += iommuOf(other) == one.node ? 1 : 0;
  const QString below =
      tr("%1 behind it").arg(countedText(static_cast<std::uint64_t>(behind), "node"));
  if (const auto* pci = std::get_if<ViotPciIommu>(&node.what)) {
    return paintBox(painter, one,
                    tr("virtio-iommu, PCI function %1").arg(segmentBdf(pci->segment, pci->bdf)),
                    below);
  }
  paintBox(painter, one,
           tr("virtio-iommu, MMIO at %1")
               .arg(addressText(std::get<ViotMmioIommu>(node.what).base_address)),
           below);
}

void ViotPicture::mousePressEvent(QMouseEvent* event) {
  const Layout layout = layOut(width());
  for (const auto* boxes : {&layout.endpoints, &layout.iommus}) {
    for (const Box& one : *boxes) {
      if (one.box.contains(event->position())) {
        return emit picked(hex(table_.nodes[one.node].offset));
      }
    }
  }
  emit picked({});
}

}  // namespace violet::gui

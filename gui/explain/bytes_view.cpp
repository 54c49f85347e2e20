#include "gui/explain/bytes_view.hpp"

#include <QFontMetricsF>
#include <QPainter>
#include <algorithm>
#include <cmath>

#include "gui/explain/ink.hpp"
#include "gui/kit/theme.hpp"

namespace violet::gui {
namespace {

using lessons::Field;
constexpr double kBytesPad = 12;

QColor kind_colour(Field::Kind kind) {
  const Theme& now = theme();
  switch (kind) {
    case Field::Kind::kType:
      return now.accent;
    case Field::Kind::kId:
      return now.translate;
    case Field::Kind::kIova:
      return now.unmap;
    case Field::Kind::kPhys:
      return now.copy;
    case Field::Kind::kFlags:
      return now.map;
    case Field::Kind::kReserved:
      return now.muted;
    case Field::Kind::kStatus:
      return now.fault;
    case Field::Kind::kData:
      return now.copy;
  }
  return now.text;
}

struct Line {
  QString offset, name, meaning, bytes;
  QColor colour;
  Field::Origin origin = Field::Origin::kDriver;
};

Line line_of(const FieldsModel& fields, int row) {
  const auto text = [&](int column) { return fields.index(row, column).data().toString(); };
  const QModelIndex index = fields.index(row, 0);
  return {text(FieldsModel::kOffset),
          text(FieldsModel::kName),
          text(FieldsModel::kMeaning),
          text(FieldsModel::kBytes),
          kind_colour(static_cast<Field::Kind>(index.data(FieldsModel::kKindRole).toInt())),
          static_cast<Field::Origin>(index.data(FieldsModel::kOriginRole).toInt())};
}

// Draws lines from the top; each takes one row, or two where its bytes need their own.
class Table {
 public:
  Table(QPainter& painter, const QRectF& area, double points)
      : painter_(painter),
        area_(area),
        text_(text_font(points)),
        number_(number_font(points)),
        y_(area.top()) {
    height_ =
        std::ceil(std::max(QFontMetricsF(text_).height(), QFontMetricsF(number_).height())) + 1;
    offset_width_ = width(number_, QStringLiteral("000"));
  }

  bool has_room(double rows) const { return y_ + rows * height_ <= area_.bottom(); }
  double rows_of(const Line& line) const { return needs_two(line) ? 2 : 1; }

  void heading(const QString& text) {
    y_ += 2;
    put(area_.left(), area_.width(), text_font(text_.pointSizeF(), true), theme().muted, text);
    y_ += height_;
  }
  void note(const QString& text) {
    put(area_.left(), area_.width(), text_, theme().muted, text);
    y_ += height_;
  }
  void line(const Line& line) {
    const bool two = needs_two(line);
    const QRectF bar(area_.left(), y_ + 1, 3, (two ? 2 : 1) * height_ - 2);
    painter_.fillRect(bar, line.colour);
    const double left = area_.left() + 8;
    put(left, offset_width_, number_, theme().muted, line.offset);
    const double name = left + offset_width_ + 4;
    put(name, width(text_, line.name) + 1, text_, theme().text, line.name);
    const double meaning = name + name_width(line);
    put(meaning, area_.right() - meaning, number_, ink(line.colour), line.meaning);
    if (two) {
      y_ += height_;
      put(name, area_.right() - name, number_, theme().text, line.bytes);
    } else {
      right(line.bytes);
    }
    y_ += height_;
  }

 private:
  static double width(const QFont& font, const QString& text) {
    return QFontMetricsF(font).horizontalAdvance(text);
  }
  // With the gap after it; data has no name.
  double name_width(const Line& line) const {
    return line.name.isEmpty() ? 0 : width(text_, line.name) + 10;
  }
  bool needs_two(const Line& line) const {
    if (line.bytes.isEmpty()) return false;
    const double all = 8 + offset_width_ + 4 + name_width(line) + width(number_, line.meaning) +
                       (line.bytes.isEmpty() ? 0 : 12) + width(number_, line.bytes);
    return all > area_.width();
  }
  void put(double x, double room, const QFont& font, const QColor& colour, const QString& text) {
    painter_.setFont(font);
    painter_.setPen(colour);
    painter_.drawText(QRectF(x, y_, room, height_), Qt::AlignLeft | Qt::AlignVCenter,
                      QFontMetricsF(font).elidedText(text, Qt::ElideRight, room));
  }
  void right(const QString& text) {
    painter_.setFont(number_);
    painter_.setPen(theme().text);
    painter_.drawText(QRectF(area_.left(), y_, area_.width(), height_),
                      Qt::AlignRight | Qt::AlignVCenter, text);
  }

  QPainter& painter_;
  QRectF area_;
  QFont text_, number_;
  double y_;
  double height_ = 0;
  double offset_width_ = 0;
};

QString origin_text(Field::Origin origin) {
  switch (origin) {
    case Field::Origin::kDriver:
      return QObject::tr("written by the driver");
    case Field::Origin::kDevice:
      return QObject::tr("written by the device");
    case Field::Origin::kAsked:
      return QObject::tr("not a virtio message: asked of the IOTLB");
    case Field::Origin::kMoved:
      return QObject::tr("bytes that moved");
  }
  return {};
}

void draw_fields(Table& table, const FieldsModel& fields) {
  auto origin = Field::Origin::kDriver;
  for (int row = 0; row < fields.rowCount(); ++row) {
    const Line line = line_of(fields, row);
    if (row == 0 || line.origin != origin) table.heading(origin_text(line.origin));
    origin = line.origin;
    if (!table.has_room(table.rows_of(line) + (row + 1 < fields.rowCount() ? 1 : 0))) {
      const int more = fields.rowCount() - row;
      table.note(more == 1 ? QObject::tr("1 more field") : QObject::tr("%1 more fields").arg(more));
      return;
    }
    table.line(line);
  }
}

}  // namespace

BytesView::BytesView(LessonModel* model, QWidget* parent) : QWidget(parent), model_(model) {
  setAccessibleName(tr("Bytes of the request"));
  connect(model_->fields(), &QAbstractItemModel::modelReset, this, &BytesView::refresh);
  connect(&Themes::instance(), &Themes::changed, this, qOverload<>(&QWidget::update));
  refresh();
}

void BytesView::refresh() {
  QStringList words{model_->fields()->title()};
  for (int row = 0; row < model_->fields()->rowCount(); ++row) {
    const Line line = line_of(*model_->fields(), row);
    words += line.bytes.isEmpty() ? tr("%1: %2").arg(line.name, line.meaning)
                                  : tr("offset %1, %2, %3, bytes %4")
                                        .arg(line.offset, line.name, line.meaning, line.bytes);
  }
  setAccessibleDescription(words.join(QLatin1Char('\n')));
  update();
}

void BytesView::paintEvent(QPaintEvent* /*event*/) {
  QPainter painter(this);
  painter.fillRect(rect(), theme().panel);
  const FieldsModel& fields = *model_->fields();
  QRectF area = QRectF(rect()).adjusted(kBytesPad, kBytesPad, -kBytesPad, -4);
  const double points = std::clamp(width() / 36.0, 8.0, 14.0);
  const QFont title = text_font(points + 1.5, true);
  painter.setFont(title);
  painter.setPen(theme().text);
  const double height = QFontMetricsF(title).height();
  painter.drawText(QRectF(area.left(), area.top(), area.width(), height), Qt::AlignLeft,
                   fields.rowCount() > 0 ? fields.title() : tr("Bytes"));
  area.setTop(area.top() + height + 4);
  if (fields.rowCount() == 0) {
    painter.setFont(text_font(points));
    painter.setPen(theme().muted);
    painter.drawText(area, Qt::AlignLeft | Qt::TextWordWrap,
                     tr("The request that moves is shown here, byte by byte, beside its layout."));
    return;
  }
  Table table(painter, area, points);
  draw_fields(table, fields);
}

}  // namespace violet::gui

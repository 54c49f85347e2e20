#include "gui/kit/export_view.hpp"

#include <QBuffer>
#include <QFileInfo>
#include <QFontMetricsF>
#include <QImage>
#include <QLayout>
#include <QPageSize>
#include <QPainter>
#include <QPdfWriter>
#include <QSaveFile>
#include <QSvgGenerator>
#include <QWidget>
#include <functional>

#include "gui/kit/theme.hpp"
#include "gui/kit/workspace.hpp"

namespace violet::gui {

namespace {

QString extension(const QString& file) { return QFileInfo(file).suffix().toLower(); }

QSize full_size(const Picture& picture) {
  return {picture.size.width(),
          picture.size.height() + (picture.caption.isEmpty() ? 0 : kCaptionHeight)};
}

// A caption ends with what a reader must not miss: it is smaller before it is cut.
QFont caption_font(const QString& caption, int room, QPainter& painter) {
  constexpr double kLargest = 8, kSmallest = 6, kStep = 0.5;
  double points = kLargest;
  while (points > kSmallest &&
         QFontMetricsF(number_font(points), painter.device()).horizontalAdvance(caption) > room) {
    points -= kStep;
  }
  return number_font(points);
}

void paint_all(const Picture& picture, QPainter& painter) {
  const QSize full = full_size(picture);
  painter.fillRect(QRect(QPoint(), full), theme().window);
  picture.paint(painter, QRect(QPoint(), picture.size));
  if (picture.caption.isEmpty()) return;
  const QRect row(8, picture.size.height(), full.width() - 16, kCaptionHeight);
  painter.setFont(caption_font(picture.caption, row.width(), painter));
  painter.setPen(theme().muted);
  painter.drawText(row, Qt::AlignLeft | Qt::AlignVCenter,
                   painter.fontMetrics().elidedText(picture.caption, Qt::ElideRight, row.width()));
}

Status cannot_write(const QString& file, const QString& why) {
  return fail("cannot write {}: {}", file.toStdString(), why.toStdString());
}

// Written beside it and renamed: the old file or the whole new one. Renaming over a device, a pipe or a link would take
// that away.
Status write_whole(const QString& file, const std::function<bool(QIODevice&)>& fill) {
  const QFileInfo about(file);
  if (about.isSymLink() || (about.exists() && !about.isFile())) {
    return cannot_write(file, QStringLiteral("it is not a regular file; name another"));
  }
  QSaveFile out(file);
  // What is still buffered is not missed by commit().
  if (!out.open(QIODevice::WriteOnly) || !fill(out) || !out.flush() || !out.commit()) {
    return cannot_write(file, out.errorString());
  }
  return {};
}

Status write_bytes(const QString& file, const QByteArray& bytes) {
  return write_whole(file, [&](QIODevice& out) { return out.write(bytes) == bytes.size(); });
}

Status write_png(const Picture& picture, const QString& file) {
  QImage image(full_size(picture) * picture.scale, QImage::Format_RGB32);
  if (image.isNull()) return cannot_write(file, QStringLiteral("the picture is too large"));
  image.setDevicePixelRatio(picture.scale);
  QPainter painter(&image);
  paint_all(picture, painter);
  painter.end();
  image.setText(QStringLiteral("Title"), picture.title);
  image.setText(QStringLiteral("Description"), picture.caption);
  return write_whole(file, [&](QIODevice& out) { return image.save(&out, "PNG"); });
}

Status write_pdf(const Picture& picture, const QString& file) {
  // The writer does not say that a disk is full.
  QBuffer drawn;
  drawn.open(QIODevice::WriteOnly);
  QPdfWriter writer(&drawn);
  const QSize size = full_size(picture);
  writer.setTitle(picture.title);
  writer.setCreator(QStringLiteral("Violet"));
  writer.setResolution(96);  // One unit of the painter is one pixel of the screen.
  writer.setPageSize(
      QPageSize(QSizeF(size) * 72.0 / 96.0, QPageSize::Point, QString(), QPageSize::ExactMatch));
  writer.setPageMargins(QMarginsF());
  QPainter painter;
  if (!painter.begin(&writer)) return cannot_write(file, QStringLiteral("nothing can be drawn"));
  // Else pictures become JPEG: blurred, and in other colours.
  painter.setRenderHint(QPainter::LosslessImageRendering);
  paint_all(picture, painter);
  painter.end();
  return write_bytes(file, drawn.data());
}

// Whether this Qt escapes a title itself.
bool svg_escapes() {
  static const bool escapes = [] {
    QBuffer drawn;
    QSvgGenerator generator;
    generator.setOutputDevice(&drawn);
    generator.setTitle(QStringLiteral("<"));
    QPainter painter(&generator);
    painter.end();
    return drawn.data().contains("&lt;");
  }();
  return escapes;
}

QString for_svg(const QString& text) { return svg_escapes() ? text : text.toHtmlEscaped(); }

// XML has no way to say them, and a label may hold them.
QByteArray without_controls(QByteArray xml) {
  xml.removeIf([](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
  });
  return xml;
}

Status write_svg(const Picture& picture, const QString& file) {
  QBuffer drawn;
  QSvgGenerator generator;
  const QSize size = full_size(picture);
  generator.setOutputDevice(&drawn);
  generator.setTitle(for_svg(picture.title));
  generator.setDescription(for_svg(picture.caption));
  generator.setSize(size);
  generator.setViewBox(QRect(QPoint(), size));
  generator.setResolution(96);
  QPainter painter;
  if (!painter.begin(&generator)) return cannot_write(file, QStringLiteral("nothing can be drawn"));
  paint_all(picture, painter);
  painter.end();
  return write_bytes(file, without_controls(drawn.data()));
}

}  // namespace

bool can_export_to(const QString& file) {
  const QString kind = extension(file);
  return kind == QLatin1String("png") || kind == QLatin1String("pdf") ||
         kind == QLatin1String("svg");
}

Status export_picture(const Picture& picture, const QString& file) {
  const QString kind = extension(file);
  if (kind == QLatin1String("png")) return write_png(picture, file);
  if (kind == QLatin1String("pdf")) return write_pdf(picture, file);
  if (kind == QLatin1String("svg")) return write_svg(picture, file);
  return fail(ErrorKind::kUsage, "{}: pictures are written as .png, .pdf or .svg",
              file.toStdString());
}

double density_for(const QString& file, double scale) {
  constexpr double kVectors = 2;
  return extension(file) == QLatin1String("png") ? scale : kVectors;
}

Status export_view(Workspace& view, QSize size, const QString& file, double scale) {
  Picture picture{view.name(), view.caption(), size, scale, {}};
  picture.paint = [&view](QPainter& painter, const QRect& area) { view.paint(painter, area); };
  view.showControls(false);
  if (view.layout() != nullptr) view.layout()->activate();
  const Status written = export_picture(picture, file);
  view.showControls(true);
  return written;
}

Status export_view(QWidget& view, QSize size, const QString& caption, const QString& file,
                   double scale) {
  Picture picture{view.accessibleName(), caption, size, scale, {}};
  picture.paint = [&view](QPainter& painter, const QRect& area) {
    painter.save();
    painter.translate(area.topLeft());
    painter.scale(double(area.width()) / view.width(), double(area.height()) / view.height());
    view.render(&painter, QPoint(), QRegion(),
                QWidget::DrawWindowBackground | QWidget::DrawChildren);
    painter.restore();
  };
  return export_picture(picture, file);
}

}  // namespace violet::gui

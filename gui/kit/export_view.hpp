// An export writes a view as a picture for a paper or a talk: PNG, PDF or SVG by the file's
// extension, with the run printed under it so that a figure can always be traced to its data.
//
// Threading: the main thread.
// Invariants: The picture has the size that was asked for: what has no room in it is drawn smaller. Buttons
// are no part of it. Colours are those of the screen: nothing is compressed with losses.
// Limits: heat maps are pixels inside PDF and SVG; everything else stays vectors.
#pragma once

#include <QRect>
#include <QSize>
#include <QString>
#include <functional>

#include "engine/base/result.hpp"

class QPainter;
class QWidget;

namespace violet::gui {

class Workspace;

inline constexpr int kCaptionHeight = 22;  // Below the picture, when there is a caption.

struct Picture {
  QString title;    // For the metadata of PDF and SVG.
  QString caption;  // Printed under the picture: "run 7f3a, cell strict, repetition 1".
  QSize size{1280, 720};
  double scale = 1;  // Of a PNG: 2 doubles its pixels.
  std::function<void(QPainter&, const QRect&)> paint;
};

Status export_picture(const Picture& picture, const QString& file);
// `size`: without the caption; the view is drawn to it as it is laid out now. The caption of a workspace is its
// own, and its controls are hidden while it is drawn.
Status export_view(Workspace& view, QSize size, const QString& file, double scale = 1);
Status export_view(QWidget& view, QSize size, const QString& caption, const QString& file,
                   double scale = 1);
// How many pixels of data a pixel of the picture may have: vectors are looked at closely, and printed.
double density_for(const QString& file, double scale);
// Of the extensions that are written: "png", "pdf", "svg".
bool can_export_to(const QString& file);

}  // namespace violet::gui

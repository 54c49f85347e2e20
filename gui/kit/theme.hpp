// A theme gives every colour its meaning, the same in every view and every figure; there are a
// dark one and a light one.
//
// Threading: the main thread.
// Invariants: Text has a contrast of at least 4.5:1 on `window` and `panel` in both themes. The
// six hues of meaning are Okabe and Ito's and stay apart for the colour-blind. Stale is always the
// warm alarm colour.
#pragma once

#include <QColor>
#include <QFont>
#include <QObject>
#include <QString>
#include <vector>

#include "experiments/query/queries.hpp"

class QApplication;

namespace violet::gui {
using namespace query;

struct Theme {
  bool dark = true;
  QColor window, panel, raised;  // Backgrounds: around views, of views, of what lies on them.
  QColor text, muted, disabled;  // muted still has 4.5:1.
  QColor rule, grid;             // Thin lines between parts, and in plots.
  QColor accent, accent_text;    // The one accent: focus, selection, primary buttons.
  QColor map, unmap, translate, fault, stale, copy;
  QColor good, bad;                // Verdicts.
  std::vector<QColor> strategies;  // For runs and strategies side by side, in order; at least 6.

  QColor of(Operation operation) const;
  // The same strategy has the same colour everywhere.
  QColor of_strategy(const QString& name) const;
};

// Which theme is on; views repaint at changed().
class Themes : public QObject {
  Q_OBJECT
 public:
  static Themes& instance();
  const Theme& current() const { return *current_; }
  void setDark(bool dark);
  // Palette, style sheet and fonts of the whole application.
  void apply(QApplication& application);

  static const Theme& dark();
  static const Theme& light();

 signals:
  void changed();

 private:
  Themes();
  const Theme* current_;
  QApplication* application_ = nullptr;
};

inline const Theme& theme() { return Themes::instance().current(); }

// Tabular figures for addresses and numbers; the platform's sans for the rest. `points` <= 0: the
// default size.
QFont number_font(double points = 0);
QFont text_font(double points = 0, bool bold = false);

}  // namespace violet::gui

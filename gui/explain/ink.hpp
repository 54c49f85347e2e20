// An ink is a colour of meaning for letters: lines and areas may be lighter than text may, so that
// an ink has the hue of its colour and the contrast of text.
//
// Threading: the main thread.
// Invariants: The contrast is at least 4.5:1 on the theme's panel and on the tints that rows are
// marked with.
#pragma once

#include <QColor>

namespace violet::gui {

// Of two colours, 1 to 21, as WCAG 2 defines it.
double contrast(const QColor& one, const QColor& other);
// On the panel of the theme that is on.
QColor ink(const QColor& colour);

}  // namespace violet::gui

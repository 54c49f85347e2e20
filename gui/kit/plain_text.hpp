// Plain text is what every label and tip shows that does not say otherwise: Qt takes text that looks like HTML for
// rich text, and a name that came with a run could then load files.
//
// Threading: the main thread.
// Invariants: a QLabel (a tip is one) whose format was left to Qt shows its text as it is. One that needs colours says
// Qt::RichText and escapes what it was given.
#pragma once

class QApplication;

namespace violet::gui {

// For all labels of the application, those to come as well. A second call changes nothing.
void show_plain_text(QApplication& application);

}  // namespace violet::gui

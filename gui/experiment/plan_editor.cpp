#include "gui/experiment/plan_editor.hpp"

#include <QHelpEvent>
#include <QPainter>
#include <QRegularExpression>
#include <QTextBlock>
#include <QToolTip>
#include <algorithm>

#include "gui/kit/theme.hpp"

namespace violet::gui {
namespace {

// The strip left of the text.
class Margin : public QWidget {
 public:
  explicit Margin(PlanEditor* editor) : QWidget(editor), editor_(editor) {}
  QSize sizeHint() const override { return {editor_->marginWidth(), 0}; }

 protected:
  void paintEvent(QPaintEvent* event) override { editor_->paintMargin(event); }

 private:
  PlanEditor* editor_;
};

// Where a comment begins, quotes respected; the line's length where there is none.
qsizetype commentIn(const QString& line) {
  QChar quote;
  for (qsizetype i = 0; i < line.size(); ++i) {
    if (!quote.isNull()) {
      if (line[i] == QLatin1Char('\\') && quote == QLatin1Char('"'))
        ++i;
      else if (line[i] == quote)
        quote = QChar();
    } else if (line[i] == QLatin1Char('"') || line[i] == QLatin1Char('\'')) {
      quote = line[i];
    } else if (line[i] == QLatin1Char('#')) {
      return i;
    }
  }
  return line.size();
}

}  // namespace

TomlHighlighter::TomlHighlighter(QTextDocument* document) : QSyntaxHighlighter(document) {}

void TomlHighlighter::highlightBlock(const QString& line) {
  const qsizetype code = commentIn(line);
  const auto paint = [this](qsizetype from, qsizetype length, const QColor& colour,
                            bool bold = false) {
    QTextCharFormat format;
    format.setForeground(colour);
    if (bold) format.setFontWeight(QFont::Bold);
    setFormat(static_cast<int>(from), static_cast<int>(length), format);
  };
  static const QRegularExpression table(QStringLiteral(R"(^\s*\[\[?[^\]]*\]?\]?)"));
  static const QRegularExpression key(QStringLiteral(R"(^\s*[A-Za-z0-9_.\-]+(?=\s*=))"));
  static const QRegularExpression text(QStringLiteral(R"re("(?:[^"\\]|\\.)*"?|'[^']*'?)re"));
  static const QRegularExpression number(
      QStringLiteral(R"((?<![\w"-])[+-]?\d[\d_.]*(?:e[+-]?\d+)?\b|\btrue\b|\bfalse\b)"));
  const QString before = line.left(code);
  if (const auto found = table.match(before); found.hasMatch()) {
    paint(found.capturedStart(), found.capturedLength(), theme().accent, true);
  } else {
    for (auto it = number.globalMatch(before); it.hasNext();) {
      const auto found_number = it.next();
      paint(found_number.capturedStart(), found_number.capturedLength(), theme().copy);
    }
    if (const auto name = key.match(before); name.hasMatch()) {
      paint(name.capturedStart(), name.capturedLength(), theme().unmap);
    }
  }
  for (auto it = text.globalMatch(before); it.hasNext();) {
    const auto found = it.next();
    paint(found.capturedStart(), found.capturedLength(), theme().map);
  }
  paint(code, line.size() - code, theme().muted);
}

PlanEditor::PlanEditor(QWidget* parent)
    : QPlainTextEdit(parent),
      margin_(new Margin(this)),
      highlighter_(new TomlHighlighter(document())) {
  setAccessibleName(tr("Plan"));
  setLineWrapMode(QPlainTextEdit::WidgetWidth);
  setTabChangesFocus(true);
  connect(this, &QPlainTextEdit::updateRequest, this, [this](const QRect& rect, int dy) {
    if (dy != 0)
      margin_->scroll(0, dy);
    else
      margin_->update(0, rect.y(), margin_->width(), rect.height());
  });
  connect(this, &QPlainTextEdit::blockCountChanged, this, [this] { restyle(); });
  connect(&Themes::instance(), &Themes::changed, this, &PlanEditor::restyle);
  restyle();
}

void PlanEditor::restyle() {
  setFont(number_font(10));
  setViewportMargins(marginWidth(), 0, 0, 0);
  highlighter_->rehighlight();
  underline();
  margin_->update();
}

int PlanEditor::marginWidth() const {
  const int digits = std::max(2, static_cast<int>(QString::number(blockCount()).size()));
  return fontMetrics().horizontalAdvance(QLatin1Char('9')) * digits + 26;
}

void PlanEditor::resizeEvent(QResizeEvent* event) {
  QPlainTextEdit::resizeEvent(event);
  const QRect inside = contentsRect();
  margin_->setGeometry(inside.left(), inside.top(), marginWidth(), inside.height());
}

void PlanEditor::paintMargin(QPaintEvent* event) {
  QPainter painter(margin_);
  painter.fillRect(event->rect(), theme().window);
  painter.setFont(font());
  painter.setRenderHint(QPainter::Antialiasing);
  const double line = fontMetrics().lineSpacing();
  QTextBlock block = firstVisibleBlock();
  double top = blockBoundingGeometry(block).translated(contentOffset()).top();
  while (block.isValid() && top <= event->rect().bottom()) {
    const double height = blockBoundingRect(block).height();
    const bool bad = !problemAt(block.blockNumber() + 1).isEmpty();
    painter.setPen(bad ? theme().bad : theme().muted);
    painter.drawText(QRectF(0, top, margin_->width() - 8, line), Qt::AlignRight | Qt::AlignTop,
                     QString::number(block.blockNumber() + 1));
    if (bad) {
      painter.setPen(Qt::NoPen);
      painter.setBrush(theme().bad);
      painter.drawEllipse(QPointF(9, top + line / 2), 3.5, 3.5);
    }
    top += height;
    block = block.next();
  }
}

void PlanEditor::setProblems(std::vector<PlanProblem> problems) {
  if (problems == problems_) return;
  problems_ = std::move(problems);
  underline();
  margin_->update();
}

// From the problem's column to the end of the word or value.
void PlanEditor::underline() {
  QList<QTextEdit::ExtraSelection> marks;
  for (const PlanProblem& problem : problems_) {
    const QTextBlock block = document()->findBlockByNumber(problem.line - 1);
    if (problem.line <= 0 || !block.isValid()) continue;
    QTextEdit::ExtraSelection mark;
    mark.cursor = QTextCursor(block);
    const int column = std::clamp(problem.column - 1, 0, std::max(0, block.length() - 2));
    mark.cursor.setPosition(block.position() + column);
    mark.cursor.movePosition(QTextCursor::EndOfBlock, QTextCursor::KeepAnchor);
    mark.format.setUnderlineStyle(QTextCharFormat::WaveUnderline);
    mark.format.setUnderlineColor(theme().bad);
    marks << mark;
  }
  setExtraSelections(marks);
}

void PlanEditor::jumpTo(const PlanProblem& problem) {
  const QTextBlock block = document()->findBlockByNumber(problem.line - 1);
  if (problem.line <= 0 || !block.isValid()) return;
  QTextCursor cursor(block);
  cursor.setPosition(block.position() +
                     std::clamp(problem.column - 1, 0, std::max(0, block.length() - 1)));
  setTextCursor(cursor);
  centerCursor();
  setFocus();
}

QString PlanEditor::problemAt(int line) const {
  QStringList found;
  for (const PlanProblem& problem : problems_) {
    if (problem.line == line) found << problem.message;
  }
  return found.join(QLatin1Char('\n'));
}

bool PlanEditor::event(QEvent* event) {
  if (event->type() == QEvent::ToolTip) {
    auto* help = static_cast<QHelpEvent*>(event);
    const QPoint inside = viewport()->mapFrom(this, help->pos());
    const QString says = problemAt(cursorForPosition(inside).blockNumber() + 1);
    if (says.isEmpty())
      QToolTip::hideText();
    else
      QToolTip::showText(help->globalPos(), says, this);
    return true;
  }
  return QPlainTextEdit::event(event);
}

}  // namespace violet::gui

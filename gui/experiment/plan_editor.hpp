// The plan editor shows line numbers, TOML in colours, and marks on the lines that have problems.
//
// Threading: the main thread.
#pragma once

#include <QPlainTextEdit>
#include <QSyntaxHighlighter>
#include <vector>

#include "gui/experiment/plan_check.hpp"

namespace violet::gui {

class TomlHighlighter : public QSyntaxHighlighter {
  Q_OBJECT
 public:
  explicit TomlHighlighter(QTextDocument* document);

 protected:
  void highlightBlock(const QString& line) override;
};

class PlanEditor : public QPlainTextEdit {
  Q_OBJECT
 public:
  explicit PlanEditor(QWidget* parent = nullptr);

  void setProblems(std::vector<PlanProblem> problems);
  void jumpTo(const PlanProblem& problem);
  int marginWidth() const;
  void paintMargin(QPaintEvent* event);

 protected:
  void resizeEvent(QResizeEvent* event) override;
  bool event(QEvent* event) override;

 private:
  void restyle();
  void underline();
  QString problemAt(int line) const;

  QWidget* margin_;
  TomlHighlighter* highlighter_;
  std::vector<PlanProblem> problems_;
};

}  // namespace violet::gui

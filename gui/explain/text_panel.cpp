#include "gui/explain/text_panel.hpp"

#include <QHBoxLayout>
#include <QLabel>
#include <QMouseEvent>
#include <QPainter>
#include <QPushButton>
#include <QStyle>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/kit/theme.hpp"

namespace violet::gui {
namespace {

constexpr int kDotSpace = 16;
constexpr int kSide = 16;
constexpr int kEdge = 8;
constexpr int kSpace = 4;

QLabel* make_label(QWidget* parent, const char* name) {
  auto* label = new QLabel(parent);
  label->setObjectName(QLatin1String(name));
  label->setWordWrap(true);
  label->setTextInteractionFlags(Qt::NoTextInteraction);
  label->setAlignment(Qt::AlignLeft | Qt::AlignTop);
  return label;
}

QString css(const char* name, double points, bool bold, const QColor& colour) {
  return QStringLiteral("#%1 { color: %2; font-size: %3pt; font-weight: %4; }\n")
      .arg(QLatin1String(name), colour.name())
      .arg(points)
      .arg(bold ? 600 : 400);
}

double lines_height(const QString& text, const QFont& font, int width) {
  if (text.isEmpty()) return 0;
  const QRectF room(0, 0, width, 10000);
  return std::ceil(QFontMetricsF(font).boundingRect(room, Qt::TextWordWrap, text).height());
}

}  // namespace

// --- StepDots

StepDots::StepDots(LessonModel* model, QWidget* parent) : QWidget(parent), model_(model) {
  setAccessibleName(tr("Steps"));
  setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
  setCursor(Qt::PointingHandCursor);
  connect(model_, &LessonModel::stepChanged, this, [this] {
    updateGeometry();
    setAccessibleDescription(tr("Step %1 of %2").arg(model_->step() + 1).arg(model_->stepCount()));
    update();
  });
  connect(&Themes::instance(), &Themes::changed, this, qOverload<>(&QWidget::update));
}

QSize StepDots::sizeHint() const { return {model_->stepCount() * kDotSpace, kDotSpace}; }

QRectF StepDots::dot(int step) const {
  const double size = step == model_->step() ? 10 : 7;
  QRectF where(0, 0, size, size);
  where.moveCenter({(step + 0.5) * kDotSpace, height() / 2.0});
  return where;
}

void StepDots::paintEvent(QPaintEvent* /*event*/) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  for (int step = 0; step < model_->stepCount(); ++step) {
    const bool past = step <= model_->step();
    // A ring is a question.
    const bool asks = model_->current().steps[static_cast<std::size_t>(step)].question.asks();
    const QColor shade = past ? theme().accent : theme().disabled;
    painter.setPen(QPen(shade, 1.5));
    painter.setBrush(asks && !past ? QBrush(Qt::NoBrush) : QBrush(shade));
    painter.drawEllipse(dot(step));
  }
}

void StepDots::mousePressEvent(QMouseEvent* event) {
  model_->setStep(static_cast<int>(event->position().x()) / kDotSpace);
}

// --- TextPanel

TextPanel::TextPanel(LessonModel* model, Autoplay* play, QWidget* parent)
    : QWidget(parent), model_(model), autoplay_(play) {
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  setObjectName(QStringLiteral("text_panel"));
  setAttribute(Qt::WA_StyledBackground);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(kSide, kEdge, kSide, kEdge);
  column->setSpacing(kSpace);
  title_ = make_label(this, "step_title");
  title_->setWordWrap(false);
  verdict_ = make_label(this, "verdict");
  verdict_->setWordWrap(false);
  text_ = make_label(this, "step_text");
  question_ = make_label(this, "question");
  auto* heading = new QHBoxLayout;
  heading->setSpacing(16);
  heading->addWidget(title_);
  heading->addWidget(verdict_);
  heading->addStretch(1);
  column->addLayout(heading);
  column->addWidget(text_, 1);
  column->addWidget(question_);
  column->addLayout(makeAnswers());
  column->addLayout(makeNavigation());
  connect(model_, &LessonModel::stepChanged, this, &TextPanel::refresh);
  connect(model_, &LessonModel::lessonChanged, this, &TextPanel::fit);
  connect(autoplay_, &Autoplay::changed, this, &TextPanel::showPlay);
  connect(&Themes::instance(), &Themes::changed, this, &TextPanel::restyle);
  restyle();
  refresh();
}

QHBoxLayout* TextPanel::makeAnswers() {
  auto* row = new QHBoxLayout;
  row->setSpacing(8);
  for (int i = 0; i < kMostChoices; ++i) {
    auto* button = new QPushButton(this);
    button->setObjectName(QStringLiteral("answer_%1").arg(i));
    button->setFocusPolicy(Qt::TabFocus);
    connect(button, &QPushButton::clicked, this, [this, i] { model_->answer(i); });
    answers_.push_back(button);
    row->addWidget(button);
  }
  row->addStretch(1);
  return row;
}

QHBoxLayout* TextPanel::makeNavigation() {
  auto* row = new QHBoxLayout;
  row->setSpacing(8);
  const auto button = [&](const char* name, const QString& text) {
    auto* made = new QPushButton(text, this);
    made->setObjectName(QLatin1String(name));
    made->setFocusPolicy(Qt::TabFocus);
    return made;
  };
  back_ = button("back", tr("\u2190 Back"));
  next_ = button("next", tr("Next \u2192"));
  play_ = button("play", {});
  play_->setToolTip(tr("Lets the lesson go on by itself; it waits at questions. Space."));
  try_ = button("try_it", {});
  dots_ = new StepDots(model_, this);
  count_ = new QLabel(this);
  count_->setObjectName(QStringLiteral("step_count"));
  row->addWidget(back_);
  row->addWidget(next_);
  row->addWidget(play_);
  row->addSpacing(8);
  row->addWidget(dots_);
  row->addWidget(count_);
  row->addStretch(1);
  row->addWidget(try_);
  connect(back_, &QPushButton::clicked, model_, &LessonModel::back);
  connect(next_, &QPushButton::clicked, model_, &LessonModel::next);
  connect(play_, &QPushButton::clicked, autoplay_, &Autoplay::toggle);
  connect(try_, &QPushButton::clicked, this, [this] { emit wantsPlan(model_->plan()); });
  return row;
}

void TextPanel::refresh() {
  title_->setText(model_->title());
  text_->setText(model_->text());
  const auto& verdict = model_->verdict();
  verdict_->setVisible(verdict.has_value());
  if (verdict) {
    verdict_->setText((verdict->isRight() ? QStringLiteral("\u2713 ") : QStringLiteral("\u2717 ")) +
                      verdict->text);
    verdict_->setProperty("right", verdict->isRight());
    verdict_->style()->unpolish(verdict_);  // The style sheet asks for the property.
    verdict_->style()->polish(verdict_);
  }
  showQuestion();
  back_->setEnabled(!model_->atStart());
  next_->setEnabled(!model_->atEnd());
  next_->setDefault(!model_->asks());
  showPlay();
  try_->setVisible(controls_ && model_->atEnd());
  try_->setText(tr("Try it: %1").arg(model_->plan()));
  try_->setToolTip(QString::fromStdString(
      "Opens the plan in Experiment: " + model_->current().plan_shows + "."));
  try_->setAccessibleDescription(try_->toolTip());
  dots_->update();
}

void TextPanel::showPlay() {
  const bool playing = autoplay_->playing() && !autoplay_->waits();
  play_->setText(playing ? tr("Pause") : model_->atEnd() ? tr("Again") : tr("\u25b6 Play"));
  QString count = tr("%1 / %2").arg(model_->step() + 1).arg(model_->stepCount());
  if (autoplay_->waits()) count += tr("   answer to go on");
  count_->setText(count);
}

void TextPanel::showControls(bool on) {
  controls_ = on;
  for (QWidget* one :
       {static_cast<QWidget*>(back_), static_cast<QWidget*>(next_), static_cast<QWidget*>(play_)}) {
    one->setVisible(on);
  }
  refresh();
}

void TextPanel::showQuestion() {
  const QStringList choices = model_->choices();
  question_->setVisible(model_->asks());
  QString question = model_->question();
  for (int i = 0; !controls_ && i < choices.size(); ++i) {
    question += i == 0 ? QStringLiteral("\n") : QStringLiteral("      ");
    question += QStringLiteral("%1  %2").arg(QChar('A' + i)).arg(choices[i]);
  }
  question_->setText(question);
  for (int i = 0; i < kMostChoices; ++i) {
    QPushButton* button = answers_[static_cast<std::size_t>(i)];
    button->setVisible(controls_ && i < choices.size());
    if (i >= choices.size()) continue;
    button->setText(QStringLiteral("%1  %2").arg(QChar('A' + i)).arg(choices[i]));
    button->setAccessibleName(choices[i]);
  }
}

double TextPanel::points() const { return std::clamp(width() / 68.0, 11.0, 19.0); }

// Everything in one sheet: fonts and palettes of single labels would not survive a change of theme.
void TextPanel::restyle() {
  const double size = points();
  const Theme& now = theme();
  const auto verdict = [&](const char* right, const QColor& colour) {
    return QStringLiteral(
               "#verdict[right=\"%1\"] { color: %2; font-size: %3pt; font-weight: 600; }\n")
        .arg(QLatin1String(right), colour.name())
        .arg(size);
  };
  setStyleSheet(QStringLiteral("#text_panel { background: %1; }\n").arg(now.panel.name()) +
                QStringLiteral("QPushButton { font-size: %1pt; }\n").arg(buttonPoints()) +
                css("step_title", size + 2, true, now.text) +
                css("step_text", size, false, now.text) + css("question", size, true, now.accent) +
                css("step_count", buttonPoints(), false, now.muted) + verdict("true", now.good) +
                verdict("false", now.bad));
}

double TextPanel::buttonPoints() const { return std::clamp(points() - 2, 9.0, 14.0); }

// High enough for every step of the lesson, so that the picture stands still from step to step.
void TextPanel::fit() {
  constexpr int kNarrowest = 480;
  if (width() < kNarrowest) return;  // It has no place in the window yet.
  const int room = width() - 2 * kSide;
  const QFont text = text_font(points());
  const QFont question = text_font(points(), true);
  double most = 0;
  for (const LessonModel::Page& page : model_->pages()) {
    most = std::max(
        most, lines_height(page.text, text, room) + lines_height(page.question, question, room));
  }
  const double title = QFontMetricsF(text_font(points() + 2, true)).height();
  const double button = QFontMetricsF(text_font(buttonPoints())).height() + 14;
  setFixedHeight(static_cast<int>(most + title + 2 * button + 5 * kSpace + 2 * kEdge + 8));
}

// Larger letters where there is room for them.
void TextPanel::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  if (event->size().width() == event->oldSize().width()) return;
  restyle();
  fit();
}

}  // namespace violet::gui

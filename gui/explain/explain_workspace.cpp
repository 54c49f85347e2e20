#include "gui/explain/explain_workspace.hpp"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QListWidget>
#include <QPainter>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/explain/autoplay.hpp"
#include "gui/explain/bytes_view.hpp"
#include "gui/explain/lesson_model.hpp"
#include "gui/explain/numbers_view.hpp"
#include "gui/explain/picture_view.hpp"
#include "gui/explain/text_panel.hpp"
#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {
namespace {

// Its arrow comes from no picture file, and so has the theme's colour and any size.
class Chooser : public QComboBox {
 public:
  using QComboBox::QComboBox;

 protected:
  void paintEvent(QPaintEvent* event) override {
    QComboBox::paintEvent(event);
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(theme().muted, 1.6, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    const QPointF tip(width() - 13.0, height() / 2.0 + 2.5);
    painter.drawPolyline(QPolygonF({tip + QPointF(-4.5, -4.5), tip, tip + QPointF(4.5, -4.5)}));
  }
};

QVBoxLayout* tight_column(QWidget* widget) {
  auto* column = new QVBoxLayout(widget);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  return column;
}

QWidget* make_rule(QWidget* parent, bool upright) {
  auto* rule = new QFrame(parent);
  rule->setObjectName(QStringLiteral("rule"));
  rule->setFrameShape(QFrame::NoFrame);
  upright ? rule->setFixedWidth(1) : rule->setFixedHeight(1);
  return rule;
}

}  // namespace

ExplainWorkspace::ExplainWorkspace(QWidget* parent)
    : Workspace(parent), model_(new LessonModel(this)), play_(new Autoplay(model_, this)) {
  setAccessibleName(tr("Explain"));
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(0);
  row->addWidget(makeList());
  row->addWidget(make_rule(this, true));
  row->addWidget(makeMiddle(), 1);
  row->addWidget(make_rule(this, true));
  row->addWidget(makeRight());
  setFocusProxy(picture_);
  setTabOrder(picture_, engine_);  // The picture comes first.
  picture_->setFocus();            // Not a button: Space plays.
  connect(&Themes::instance(), &Themes::changed, this, &ExplainWorkspace::restyle);
  connect(model_, &LessonModel::stepChanged, this, &Workspace::actionsChanged);
  connect(model_, &LessonModel::lessonChanged, this, [this] {
    list_->setCurrentRow(model_->lesson());
    about_->setText(qt(model_->current().about) + QLatin1Char('.'));
  });
  restyle();
}

QWidget* ExplainWorkspace::makeList() {
  auto* side = new QWidget(this);
  side_ = side;
  side->setObjectName(QStringLiteral("lessons"));
  side->setAttribute(Qt::WA_StyledBackground);
  auto* column = tight_column(side);
  list_ = new QListWidget(side);
  list_->setAccessibleName(tr("Lessons"));
  list_->setFrameShape(QFrame::NoFrame);
  list_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  // Arrows step through the lesson; 1 to 7 choose one.
  list_->setFocusPolicy(Qt::ClickFocus);
  for (int i = 0; i < LessonModel::lessonCount(); ++i) {
    auto* item = new QListWidgetItem(
        QStringLiteral("%1  %2").arg(i + 1).arg(qt(LessonModel::lessonAt(i).title)), list_);
    item->setToolTip(qt(LessonModel::lessonAt(i).about));
  }
  list_->setCurrentRow(0);
  connect(list_, &QListWidget::currentRowChanged, model_, &LessonModel::setLesson);
  about_ = new QLabel(qt(model_->current().about) + QLatin1Char('.'), side);
  about_->setWordWrap(true);
  about_->setContentsMargins(12, 8, 12, 8);
  engine_ = new Chooser(side);
  engine_->setAccessibleName(tr("Engine: domain store and IOTLB"));
  engine_->setToolTip(tr("The same lesson on another domain store and IOTLB."));
  engine_->addItems(LessonModel::engineNames());
  engine_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  engine_->setFocusPolicy(Qt::TabFocus);
  connect(engine_, qOverload<int>(&QComboBox::currentIndexChanged), model_,
          &LessonModel::setEngine);
  auto* label = new QLabel(tr("Engine"), side);
  label->setContentsMargins(12, 0, 12, 4);
  auto* holder = new QHBoxLayout;
  holder->setContentsMargins(8, 0, 8, 12);
  holder->addWidget(engine_);
  column->addWidget(list_, 1);
  column->addWidget(about_);
  column->addWidget(label);
  column->addLayout(holder);
  return side;
}

QWidget* ExplainWorkspace::makeMiddle() {
  auto* middle = new QWidget(this);
  auto* column = tight_column(middle);
  picture_ = new PictureView(model_, middle);
  text_ = new TextPanel(model_, play_, middle);
  column->addWidget(picture_, 1);
  column->addWidget(make_rule(middle, false));
  column->addWidget(text_);
  connect(text_, &TextPanel::wantsPlan, this, &Workspace::wantsPlan);
  return middle;
}

QWidget* ExplainWorkspace::makeRight() {
  auto* right = new QWidget(this);
  right_ = right;
  auto* column = tight_column(right);
  bytes_ = new BytesView(model_, right);
  numbers_ = new NumbersView(model_, right);
  column->addWidget(bytes_, 1);
  column->addWidget(numbers_);
  return right;
}

void ExplainWorkspace::restyle() {
  const Theme& now = theme();
  const double points = std::clamp(width() / 142.0, 9.0, 13.0);
  setStyleSheet(
      QStringLiteral("#rule { background: %1; border: none; }\n"
                     "#lessons { background: %2; }\n"
                     "#lessons QListWidget { background: %2; border: none; padding: 8px 4px; }\n"
                     "#lessons QListWidget::item { padding: 6px 4px; border-radius: 3px;"
                     " border-left: 3px solid transparent; color: %3; }\n"
                     "#lessons QListWidget::item:selected { background: %4; color: %3;"
                     " border-left: 3px solid %5; }\n"
                     "#lessons QLabel { color: %6; }\n"
                     "#lessons QWidget { font-size: %7pt; }\n"
                     "#lessons QComboBox::drop-down { border: none; width: 20px; }\n"
                     "#lessons QComboBox::down-arrow { image: none; border: none; }\n")
          .arg(now.rule.name(), now.panel.name(), now.text.name(), now.raised.name(),
               now.accent.name(), now.muted.name())
          .arg(points));
}

// The sides grow with the window, so that their letters can.
void ExplainWorkspace::resizeEvent(QResizeEvent* event) {
  Workspace::resizeEvent(event);
  side_->setFixedWidth(std::clamp(width() * 9 / 64, 188, 280));
  right_->setFixedWidth(std::clamp(width() * 15 / 64, 300, 540));
  restyle();
}

// Nobody reads it now.
void ExplainWorkspace::hideEvent(QHideEvent* event) {
  play_->stop();
  Workspace::hideEvent(event);
}

void ExplainWorkspace::goTo(int lesson, int step) {
  model_->setLesson(lesson);
  model_->setStep(step);
  picture_->arrive();
}

bool ExplainWorkspace::settled() const { return !picture_->moving(); }

void ExplainWorkspace::paint(QPainter& painter, const QRect& area) {
  picture_->arrive();
  Workspace::paint(painter, area);
}

void ExplainWorkspace::showControls(bool on) {
  side_->setVisible(on);
  text_->showControls(on);
}

QString ExplainWorkspace::caption() const {
  return tr("lesson %1, %2, step %3: %4; simulated, engine %5")
      .arg(model_->lesson() + 1)
      .arg(qt(model_->current().title))
      .arg(model_->step() + 1)
      .arg(model_->title(), LessonModel::engineNames()[model_->engine()]);
}

// --- actions

std::vector<ActionRow> ExplainWorkspace::actions() {
  std::vector<ActionRow> rows = stepActions();
  for (auto&& more : {playActions(), lessonActions(), answerActions()}) {
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return rows;
}

std::vector<ActionRow> ExplainWorkspace::stepActions() {
  const QString group = tr("Lesson");
  return {
      {QStringLiteral("explain.next"),
       tr("Next step"),
       {QKeySequence(Qt::Key_Right)},
       tr("Lets the simulation do one more thing."),
       group,
       [this] { model_->next(); },
       [this] { return !model_->atEnd(); }},
      {QStringLiteral("explain.back"),
       tr("Back one step"),
       {QKeySequence(Qt::Key_Left)},
       tr("Runs the lesson again from its start to the step before."),
       group,
       [this] { model_->back(); },
       [this] { return !model_->atStart(); }},
      {QStringLiteral("explain.first"),
       tr("First step"),
       {QKeySequence(Qt::Key_Home)},
       tr("Goes to the beginning of the lesson."),
       group,
       [this] { model_->setStep(0); }},
      {QStringLiteral("explain.last"),
       tr("Last step"),
       {QKeySequence(Qt::Key_End)},
       tr("Runs the lesson to its end."),
       group,
       [this] { model_->setStep(model_->stepCount() - 1); }},
      {QStringLiteral("explain.try"),
       tr("Try it"),
       {QKeySequence(Qt::CTRL | Qt::Key_Return)},
       tr("Opens the plan that measures what the lesson shows."),
       group,
       [this] { emit wantsPlan(model_->plan()); }},
  };
}

std::vector<ActionRow> ExplainWorkspace::playActions() {
  return {
      {QStringLiteral("explain.play"),
       tr("Play the lesson"),
       {QKeySequence(Qt::Key_Space)},
       tr("Goes on from step to step by itself, and waits at questions."),
       tr("Lesson"),
       [this] { play_->toggle(); },
       {},
       [this] { return play_->playing(); }},
      {QStringLiteral("explain.motion"),
       tr("Let requests move"),
       {QKeySequence(Qt::Key_M)},
       tr("Shows requests on their way from box to box."),
       tr("View"),
       [this] { picture_->setMotion(!picture_->motion()); },
       {},
       [this] { return picture_->motion(); }},
  };
}

std::vector<ActionRow> ExplainWorkspace::lessonActions() {
  std::vector<ActionRow> rows;
  for (int i = 0; i < LessonModel::lessonCount(); ++i) {
    const auto& lesson = LessonModel::lessonAt(i);
    rows.push_back({QStringLiteral("explain.lesson%1").arg(i + 1),
                    tr("Lesson %1: %2").arg(i + 1).arg(qt(lesson.title)),
                    {QKeySequence(Qt::Key_1 + i)},
                    qt(lesson.about) + QLatin1Char('.'),
                    tr("Lesson"),
                    [this, i] { model_->setLesson(i); }});
  }
  return rows;
}

std::vector<ActionRow> ExplainWorkspace::answerActions() {
  std::vector<ActionRow> rows;
  for (int i = 0; i < 3; ++i) {
    const QChar letter('A' + i);
    rows.push_back({QStringLiteral("explain.answer_%1").arg(letter.toLower()),
                    tr("Answer %1").arg(letter),
                    {QKeySequence(Qt::Key_A + i)},
                    tr("Answers the question and lets the simulation show whether it is right."),
                    tr("Lesson"),
                    [this, i] { model_->answer(i); },
                    [this, i] { return i < model_->choices().size(); }});
  }
  return rows;
}

Workspace* make_explain(Session* /*session*/, QWidget* parent) {
  return new ExplainWorkspace(parent);
}

}  // namespace violet::gui

#include "gui/explain/picture_view.hpp"

#include <QHelpEvent>
#include <QPainter>
#include <QStyle>
#include <QToolTip>
#include <algorithm>

namespace violet::gui {
namespace {

constexpr double kMargin = 12;
constexpr double kOneMove = 220;    // Milliseconds.
constexpr double kAllMoves = 1600;  // At most, for a step.
constexpr double kShortestMove = 150;

// The same curve at both ends: sets off and arrives gently.
double eased(double share) { return share * share * (3 - 2 * share); }

QString boxTip(const lessons::Box& box) {
  QString tip = QString::fromStdString(box.title + " (" + box.subtitle + ")");
  for (const lessons::Row& row : box.rows) {
    tip += QLatin1Char('\n') + QString::fromStdString(row.text);
    if (!row.detail.empty()) tip += QStringLiteral("  ") + QString::fromStdString(row.detail);
  }
  return tip + QStringLiteral("\n\n") + QString::fromStdString(box.role);
}

}  // namespace

PictureView::PictureView(LessonModel* model, QWidget* parent) : QWidget(parent), model_(model) {
  setAccessibleName(tr("Picture of the step"));
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
  setFocusPolicy(Qt::StrongFocus);
  clock_.setInterval(16);
  connect(&clock_, &QTimer::timeout, this, &PictureView::tick);
  connect(model_, &LessonModel::stepChanged, this, &PictureView::start);
  connect(&Themes::instance(), &Themes::changed, this, qOverload<>(&QWidget::update));
  setAccessibleDescription(model_->inWords());
}

void PictureView::setMotion(bool on) {
  motion_ = on;
  if (!on) arrive();
}

void PictureView::arrive() {
  clock_.stop();
  update();
}

void PictureView::start(bool forward) {
  setAccessibleDescription(model_->inWords());
  clock_.stop();
  const bool wanted = style()->styleHint(QStyle::SH_Widget_Animation_Duration, nullptr, this) > 0;
  if (forward && motion_ && wanted && isVisible() && !model_->frame().moves.empty()) {
    since_.start();
    clock_.start();
  }
  update();
}

double PictureView::milliseconds() const {
  const auto count = static_cast<double>(model_->frame().moves.size());
  return std::clamp(kAllMoves / count, kShortestMove, kOneMove);
}

std::optional<Travel> PictureView::travel() const {
  if (!moving()) return std::nullopt;
  const double share = static_cast<double>(since_.elapsed()) / milliseconds();
  const auto move = static_cast<std::size_t>(share);
  return Travel{move, eased(share - static_cast<double>(move))};
}

void PictureView::tick() {
  const auto now = travel();
  if (now && now->move >= model_->frame().moves.size()) clock_.stop();
  update();
}

void PictureView::paintEvent(QPaintEvent* /*event*/) {
  QPainter painter(this);
  painter.fillRect(rect(), theme().window);
  paint_scene(painter, area(), model_->frame(), travel());
}

QRectF PictureView::area() const {
  return QRectF(rect()).adjusted(kMargin, kMargin, -kMargin, -kMargin);
}

QString PictureView::tipAt(QPointF at) const {
  const lessons::Picture& picture = model_->frame().picture;
  const SceneLayout layout =
      scene_layout(area(), picture.shows_disk, !model_->frame().snapshot.scores.empty());
  for (const lessons::Box& box : picture.boxes) {
    if (layout.shows(box.part) && layout.box(box.part).contains(at)) return boxTip(box);
  }
  return {};
}

bool PictureView::event(QEvent* event) {
  if (event->type() == QEvent::ToolTip) {
    const auto* help = static_cast<QHelpEvent*>(event);
    QToolTip::showText(help->globalPos(), tipAt(help->pos()), this);
    return true;
  }
  return QWidget::event(event);
}

}  // namespace violet::gui

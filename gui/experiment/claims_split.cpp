#include "gui/experiment/claims_split.hpp"

#include <QLabel>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/experiment/claims_table.hpp"
#include "gui/experiment/claims_view.hpp"
#include "gui/kit/theme.hpp"

namespace violet::gui {

ClaimsSplit::ClaimsSplit(QWidget* cells, ClaimsTable* claims, QWidget* parent)
    : QSplitter(Qt::Vertical, parent),
      claims_(claims),
      lower_(new QWidget),
      heading_(new QLabel),
      view_(new ClaimsView(claims)) {
  setChildrenCollapsible(false);
  heading_->setFont(text_font(10, true));
  heading_->setWordWrap(true);
  heading_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  heading_->setToolTip(tr("Judged by what the plan expected when the run began"));
  auto* column = new QVBoxLayout(lower_);
  column->setContentsMargins(0, 8, 0, 0);
  column->setSpacing(4);
  column->addWidget(heading_);
  column->addWidget(view_, 1);
  addWidget(cells);
  addWidget(lower_);
  setStretchFactor(0, 1);
  setStretchFactor(1, 0);
  lower_->hide();
  connect(claims, &QAbstractItemModel::modelReset, this, [this] { refresh(true); });
  connect(claims, &QAbstractItemModel::dataChanged, this, [this] { refresh(false); });
  connect(view_, &ClaimsView::fitted, this, &ClaimsSplit::share);
  connect(this, &QSplitter::splitterMoved, this, [this] { by_hand_ = true; });
}

void ClaimsSplit::refresh(bool others) {
  if (others) wanted_ = 0;
  heading_->setText(claims_->heading());
  lower_->setVisible(claims_->rowCount() > 0);
  share();
}

void ClaimsSplit::share() {
  if (by_hand_ || claims_->rowCount() == 0) return;
  const int all = height() - handleWidth();
  const QMargins around = lower_->layout()->contentsMargins();
  const int heading = heading_->heightForWidth(std::max(1, width()));
  wanted_ = std::max(wanted_,
                     around.top() + heading + lower_->layout()->spacing() + view_->wholeHeight());
  const int lower = std::min(wanted_, all * 2 / 5);
  setSizes({all - lower, lower});
}

void ClaimsSplit::resizeEvent(QResizeEvent* event) {
  QSplitter::resizeEvent(event);
  wanted_ = 0;  // Lines break elsewhere.
  share();
}

}  // namespace violet::gui

#include "gui/observe/chips.hpp"

#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>

#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"
#include "gui/observe/latency_view.hpp"

namespace violet::gui {

Chips::Chips(Session* session, QWidget* parent)
    : QWidget(parent), session_(session), row_(new QHBoxLayout(this)) {
  setObjectName(QStringLiteral("chips"));
  setAccessibleName(tr("Selection"));
  row_->setContentsMargins(8, 3, 8, 3);
  row_->setSpacing(6);
  connect(session, &Session::selectionChanged, this, &Chips::rebuild);
  connect(session, &Session::pageChanged, this, &Chips::rebuild);
  rebuild();
}

void Chips::add(const QString& text, std::function<void()> remove) {
  auto* chip = new QPushButton(text + QStringLiteral("  ×"), this);
  chip->setAccessibleName(tr("Remove from the selection: %1").arg(text));
  chip->setToolTip(tr("Remove (Esc clears everything)"));
  chip->setFont(text_font(8));
  chip->setAutoDefault(false);
  chip->setMaximumHeight(20);
  chip->setStyleSheet(QStringLiteral("padding: 1px 8px; border-radius: 9px;"));
  // The chip goes away with the next selectionChanged: not while its own click is being handled.
  connect(
      chip, &QPushButton::clicked, this, [remove = std::move(remove)] { remove(); },
      Qt::QueuedConnection);
  row_->addWidget(chip);
  ++count_;
}

void Chips::rebuild() {
  while (QLayoutItem* item = row_->takeAt(0)) {
    if (item->widget() != nullptr) item->widget()->deleteLater();
    delete item;
  }
  count_ = 0;
  const auto time = session_->selectedTime();
  const Filter filter = session_->filter();
  Session* session = session_;
  if (time) {
    add(tr("%1 from %2").arg(durationText(double(time->length())), timeText(time->from)),
        [session] { session->select({}, session->filter()); });
  }
  if (filter.range) {
    add(rangeText(*filter.range), [session, filter = filter]() mutable {
      filter.range.reset();
      session->select(session->selectedTime(), filter);
    });
  }
  for (const EndpointId id : filter.endpoints) {
    add(tr("endpoint 0x%1").arg(id.value, 0, 16), [session, id] {
      Filter rest = session->filter();
      std::erase(rest.endpoints, id);
      session->select(session->selectedTime(), rest);
    });
  }
  for (const Operation operation : filter.operations) {
    add(LatencyView::operationText(operation), [session, operation] {
      Filter rest = session->filter();
      std::erase(rest.operations, operation);
      session->select(session->selectedTime(), rest);
    });
  }
  if (session_->page()) {
    add(tr("page %1").arg(addressText(session_->page()->value)),
        [session] { session->setPage({}); });
  }
  row_->addStretch();
  setVisible(count_ > 0);
}

}  // namespace violet::gui

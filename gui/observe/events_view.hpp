// The events view lists every kept event of the window that passes the selection, as a virtual
// table; not the recorder's samples of counters, which the engine view draws. A click moves the cursor there, Enter or a double click shows the page's lifetimes.
//
// Threading: the main thread.
#pragma once

#include <QTableView>
#include <QTimer>

#include "gui/model/session.hpp"
#include "gui/observe/events_model.hpp"

class QLabel;

namespace violet::gui {

class EventsView : public QWidget {
  Q_OBJECT
 public:
  explicit EventsView(Session* session, QWidget* parent = nullptr);
  EventsModel* model() { return &model_; }
  QTableView* table() const { return table_; }
  bool settled() const { return !later_.isActive() && model_.settled() && !locating_.busy(); }
  // Scrolls to the first event at or after that moment, once the lines of the window are there.
  void showTime(Nanos at);

 protected:
  void showEvent(QShowEvent* event) override;

 private:
  void refresh();
  void retitle();
  void current(const QModelIndex& index);
  void locate();

  Session* session_;
  EventsModel model_;
  QLabel* title_;
  QTableView* table_;
  std::optional<Nanos> wanted_;  // To be scrolled to.
  Query<std::uint64_t> locating_;
  QTimer later_;  // While panning, the table waits for the end of the movement.
};

}  // namespace violet::gui

// The events model offers the events of a cell as a table of any length: only the lines that are
// looked at are asked for, in pages, off the main thread, and kept in a small cache.
//
// Threading: the main thread; CellQueries is asked on the pool.
// Invariants: At most kPages pages are held. A line that is not here yet shows an ellipsis and is
// asked for once. A change of cell, window or filter forgets every page; one of the cell forgets the lines at once.
// Limits: the first 2^31 - 1 events of a window.
#pragma once

#include <QAbstractTableModel>
#include <QString>
#include <list>
#include <memory>
#include <optional>

#include "experiments/query/queries.hpp"
#include "gui/model/query.hpp"

namespace violet::gui {
using namespace query;

QString eventKindText(EventKind kind);  // "dma_map", "UNMAP executed" ...
// What the event says in words: "4 KiB, R/W, buffer page 0x1f3".
QString eventDetail(const Event& event);
// The event's address; nothing for kinds that have none.
std::optional<std::uint64_t> eventAddress(const Event& event);

class EventsModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { kTime, kKind, kOwner, kAddress, kTook, kDetail, kLcore, kColumns };
  static constexpr int kKindRole = Qt::UserRole;  // EventKind as int, for the delegate's colour.
  static constexpr std::size_t kPageLines = 256, kPages = 16;

  explicit EventsModel(QObject* parent = nullptr);

  void setSource(std::shared_ptr<const CellQueries> cell, TimeWindow window, const Filter& filter);
  // The line, if it is here.
  std::optional<EventLine> line(int row) const;
  // Else how many rows there are is not known yet, and none is here.
  bool isCounted() const { return is_counted_; }
  bool settled() const { return !counting_.busy() && !paging_.busy(); }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  struct Page {
    std::uint64_t number;
    std::vector<EventLine> lines;
  };
  struct Answer {
    std::uint64_t source;  // Which setSource() it belongs to.
    Page page;
  };
  void hold(std::optional<std::uint64_t> count);
  void arrived(Answer answer);
  void want(std::uint64_t page) const;
  QVariant display(const EventLine& line, int column) const;

  std::shared_ptr<const CellQueries> cell_;
  TimeWindow window_;
  Filter filter_;
  std::uint64_t source_ = 0;
  int rows_ = 0;
  bool is_counted_ = false;
  mutable std::list<Page> pages_;  // Most recently used first.
  mutable std::optional<std::uint64_t> wanted_;
  Query<std::uint64_t> counting_;
  mutable Query<Answer> paging_;
};

}  // namespace violet::gui

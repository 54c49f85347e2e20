// A topology picture draws the topology of one moment.
//
// Threading: the main thread.
// Invariants: It draws into any painter, the screen's or a file's. Texts are cut with an ellipsis
// and never overlap.
#pragma once

#include <QWidget>

#include "gui/topology/topology_layout.hpp"

namespace violet::gui {

class TopologyPicture : public QWidget {
  Q_OBJECT
 public:
  explicit TopologyPicture(QWidget* parent = nullptr);

  void setState(TopologyState state);
  const TopologyState& state() const { return state_; }
  // Draws an outline around what a row of the table is about.
  void setMarked(std::optional<std::uint32_t> domain, std::optional<IovaRange> range,
                 std::optional<std::uint32_t> endpoint);
  // Room that it may fill without scrolling.
  void setViewHeight(int height);
  // The height at which it is as roomy as it gets.
  QSize sizeHint() const override;
  void paint(QPainter& painter, const QRectF& area) const;
  // What lies at a point, in words; empty: nothing.
  QString describe(const QPointF& at) const;

 signals:
  // What to look for in the table: "0x28", "domain 1", an address.
  void picked(const QString& needle);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;

 private:
  void relayout();
  void paintLines(QPainter& painter, const TopologyLayout& layout) const;
  void paintEndpoint(QPainter& painter, const TopologyLayout::EndpointBox& one) const;
  void paintDomain(QPainter& painter, const TopologyLayout& layout,
                   const TopologyLayout::DomainBox& one) const;
  void paintAxis(QPainter& painter, const TopologyLayout& layout) const;
  void paintTitles(QPainter& painter, const TopologyLayout& layout, double width) const;
  void paintContent(QPainter& painter, const TopologyLayout& layout, double width) const;
  QString needleAt(const QPointF& at) const;
  const TopologyState::Mapping* mappingAt(const TopologyLayout::DomainBox& one,
                                          const QPointF& at) const;

  TopologyState state_;
  TopologyLayout layout_;
  int view_height_ = 0;
  std::optional<std::uint32_t> marked_domain_, marked_endpoint_;
  std::optional<IovaRange> marked_range_;
};

}  // namespace violet::gui

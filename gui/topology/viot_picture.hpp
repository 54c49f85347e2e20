// A VIOT picture draws a table's ranges and endpoints left, the virtio-iommus that they are behind
// right.
//
// Threading: the main thread.
// Limits: the first kMostDrawn endpoint nodes are drawn, the table below has all.
#pragma once

#include <QRectF>
#include <QWidget>
#include <vector>

#include "engine/protocol/viot.hpp"

namespace violet::gui {

class ViotPicture : public QWidget {
  Q_OBJECT
 public:
  static constexpr std::size_t kMostDrawn = 200;

  explicit ViotPicture(QWidget* parent = nullptr);
  void setTable(protocol::ViotTable table);
  void setMarked(std::optional<std::size_t> node);
  QSize sizeHint() const override;
  void paint(QPainter& painter, const QRectF& area) const;

 signals:
  void picked(const QString& needle);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;

 private:
  struct Box {
    std::size_t node = 0;
    QRectF box;
  };
  struct Layout {
    std::vector<Box> endpoints, iommus;
    double height = 0;
    std::size_t left_out = 0;
  };
  Layout layOut(double width) const;
  void paintContent(QPainter& painter, const Layout& layout) const;
  void paintArrow(QPainter& painter, const QRectF& from, const QRectF& to, bool marked) const;
  void paintEndpoint(QPainter& painter, const Box& one) const;
  void paintIommu(QPainter& painter, const Box& one) const;
  void paintBox(QPainter& painter, const Box& one, const QString& title,
                const QString& below) const;

  protocol::ViotTable table_;
  std::optional<std::size_t> marked_;
};

}  // namespace violet::gui

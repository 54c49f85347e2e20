#include "gui/explain/scene_paint.hpp"

#include <QFontMetricsF>
#include <QPainter>
#include <QPainterPath>
#include <algorithm>
#include <cmath>

#include "gui/explain/ink.hpp"
#include "gui/explain/score_board.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {
namespace {

using lessons::Box;
using lessons::Move;
using lessons::Part;
using lessons::Row;
using lessons::Tone;

constexpr double kRound = 4;

QColor faded(QColor colour, double share) {
  colour.setAlphaF(static_cast<float>(share));
  return colour;
}

// --- fonts that fit

struct Fonts {
  QFont title, subtitle, text, detail;
  double pad = 0;
  double title_height = 0, subtitle_height = 0, text_height = 0, detail_height = 0;
  double row(const Row& row) const {
    return text_height + (row.detail.empty() ? 0 : detail_height) + 5;
  }
};

Fonts fonts_of(double points) {
  Fonts fonts;
  fonts.title = text_font(points + 1, true);
  fonts.subtitle = text_font(points - 0.5);
  fonts.text = number_font(points);
  fonts.detail = text_font(points - 0.5);
  const auto height = [](const QFont& font) { return std::ceil(QFontMetricsF(font).height()); };
  fonts.title_height = height(fonts.title);
  fonts.subtitle_height = height(fonts.subtitle);
  fonts.text_height = height(fonts.text);
  fonts.detail_height = height(fonts.detail);
  fonts.pad = std::max(8.0, std::round(fonts.text_height * 0.45));
  return fonts;
}

bool fits(const Box& box, const QRectF& where, const Fonts& fonts) {
  const double width = where.width() - 2 * fonts.pad - 4;
  const auto wide = [&](const QFont& font, const std::string& text) {
    return QFontMetricsF(font).horizontalAdvance(qt(text)) > width;
  };
  if (wide(fonts.title, box.title) || wide(fonts.subtitle, box.subtitle)) return false;
  double height = 2 * fonts.pad + fonts.title_height + fonts.subtitle_height + 4;
  for (const Row& row : box.rows) {
    if (wide(fonts.text, row.text) || wide(fonts.detail, row.detail)) return false;
    height += fonts.row(row);
  }
  return height <= where.height();
}

constexpr double kSmallest = 7;
// Letters grow with the picture, so that a large screen is readable from the back of a room.
double largest_points(const QRectF& area) { return std::clamp(area.width() / 78, 10.0, 22.0); }

// One size for the whole picture: the largest at which every box holds its lines.
std::optional<double> fitting(const lessons::Picture& picture, const SceneLayout& layout) {
  for (double points = largest_points(layout.area); points >= kSmallest; points -= 0.5) {
    const Fonts fonts = fonts_of(points);
    const bool all = std::all_of(picture.boxes.begin(), picture.boxes.end(), [&](const Box& box) {
      return !layout.shows(box.part) || fits(box, layout.box(box.part), fonts);
    });
    if (all) return points;
  }
  return std::nullopt;
}

// --- boxes

void draw_text(QPainter& painter, const QRectF& where, const QFont& font, const QColor& colour,
               const QString& text) {
  painter.setFont(font);
  painter.setPen(colour);
  painter.drawText(where, Qt::AlignLeft | Qt::AlignVCenter,
                   QFontMetricsF(font).elidedText(text, Qt::ElideRight, where.width()));
}

// A bar at the left says new or changed; gone is struck through.
void draw_mark(QPainter& painter, const QRectF& row, const Row& line) {
  if (line.change == Row::Change::kSame) return;
  const QColor colour = line.tone == Tone::kStale ? theme().stale : theme().accent;
  if (line.change != Row::Change::kGone) {
    painter.fillRect(row.adjusted(-5, 0, 5, -2), faded(colour, theme().dark ? 0.20 : 0.13));
    painter.fillRect(QRectF(row.left() - 5, row.top(), 3, row.height() - 2), colour);
  }
}

void draw_row(QPainter& painter, const QRectF& row, const Row& line, const Fonts& fonts) {
  const bool gone = line.change == Row::Change::kGone;
  draw_mark(painter, row, line);
  QFont text = fonts.text;
  text.setStrikeOut(gone);
  text.setBold(line.tone == Tone::kStale && !gone);
  const QColor colour = gone ? theme().disabled : ink(tone_colour(line.tone));
  QRectF at(row.left(), row.top(), row.width(), fonts.text_height);
  draw_text(painter, at, text, line.tone == Tone::kPlain && !gone ? theme().text : colour,
            qt(line.text));
  if (line.detail.empty()) return;
  at = QRectF(row.left(), at.bottom(), row.width(), fonts.detail_height);
  const QColor quiet =
      gone ? theme().disabled : (line.tone == Tone::kPlain ? theme().muted : colour);
  draw_text(painter, at, fonts.detail, quiet, qt(line.detail));
}

// At the foot of a box that has room for it below its rows.
void draw_role(QPainter& painter, const QRectF& room, const Box& box, const Fonts& fonts) {
  const QFont font = text_font(std::clamp(fonts.text.pointSizeF() * 0.8, 7.0, 15.0));
  const QString text = qt(box.role);
  constexpr int kHow = Qt::AlignLeft | Qt::TextWordWrap;
  const double height = QFontMetricsF(font).boundingRect(room, kHow, text).height();
  if (height + fonts.pad > room.height()) return;
  painter.setFont(font);
  painter.setPen(theme().muted);
  painter.drawText(room.adjusted(0, room.height() - height, 0, 0), kHow, text);
}

void draw_box(QPainter& painter, const QRectF& where, const Box& box, const Fonts& fonts,
              bool active) {
  QColor edge = active ? theme().accent : theme().rule;
  if (box.alarm) edge = theme().stale;
  painter.setPen(QPen(edge, box.alarm || active ? 1.6 : 1));
  painter.setBrush(theme().panel);
  painter.drawRoundedRect(where, kRound, kRound);
  if (box.alarm) {
    painter.setBrush(faded(theme().stale, theme().dark ? 0.07 : 0.05));
    painter.drawRoundedRect(where, kRound, kRound);
  }
  const QRectF inside = where.adjusted(fonts.pad + 2, fonts.pad, -fonts.pad, -fonts.pad);
  QRectF line(inside.left(), inside.top(), inside.width(), fonts.title_height);
  draw_text(painter, line, fonts.title, theme().text, qt(box.title));
  line = QRectF(inside.left(), line.bottom(), inside.width(), fonts.subtitle_height);
  const bool hijacked = box.alarm && box.part == Part::kNic;
  draw_text(painter, line, fonts.subtitle, hijacked ? ink(theme().stale) : theme().muted,
            qt(box.subtitle));
  double y = line.bottom() + 4;
  painter.save();
  painter.setClipRect(where);
  for (const Row& row : box.rows) {
    const double height = fonts.row(row);
    draw_row(painter, QRectF(inside.left(), y, inside.width(), height), row, fonts);
    y += height;
  }
  if (box.rows.empty()) {
    draw_text(painter, QRectF(inside.left(), y, inside.width(), fonts.detail_height), fonts.detail,
              theme().muted, qt(box.empty));
    y += fonts.detail_height;
  }
  painter.restore();
  draw_role(painter, QRectF(inside.topLeft() + QPointF(0, y - inside.top()), inside.bottomRight()),
            box, fonts);
}

// --- ways

void draw_arrow(QPainter& painter, const QPolygonF& way, const QColor& colour, double width) {
  if (way.size() < 2) return;
  painter.setPen(QPen(colour, width, Qt::SolidLine, Qt::FlatCap, Qt::RoundJoin));
  painter.setBrush(Qt::NoBrush);
  const QLineF last(way[way.size() - 2], way.last());
  const double head = 4 + 2 * width;
  QPolygonF line = way;
  line.last() = last.pointAt(std::max(0.0, 1 - head * 0.7 / std::max(last.length(), 1.0)));
  painter.drawPolyline(line);
  const double angle = std::atan2(last.dy(), last.dx());
  const auto corner = [&](double turn) {
    return way.last() - QPointF(std::cos(angle + turn), std::sin(angle + turn)) * head;
  };
  painter.setPen(Qt::NoPen);
  painter.setBrush(colour);
  painter.drawPolygon(QPolygonF({way.last(), corner(0.45), corner(-0.45)}));
}

// A pill with a word in it.
void draw_label(QPainter& painter, QPointF centre, const QString& text, const QColor& colour,
                const QFont& font, bool filled) {
  const QFontMetricsF metrics(font);
  QRectF pill(0, 0, metrics.horizontalAdvance(text) + 10, metrics.height() + 2);
  pill.moveCenter(centre);
  painter.setPen(QPen(colour, 1));
  painter.setBrush(filled ? colour : theme().window);
  painter.drawRoundedRect(pill, pill.height() / 2, pill.height() / 2);
  painter.setFont(font);
  painter.setPen(filled ? theme().window : ink(colour));
  painter.drawText(pill, Qt::AlignCenter, text);
}

// Thin lines for the ways that exist, whether or not something travels now.
void draw_connections(QPainter& painter, const SceneLayout& layout) {
  static constexpr std::pair<Part, Part> kWays[] = {
      {Part::kDriver, Part::kQueue},     {Part::kQueue, Part::kEngine},
      {Part::kEngine, Part::kStore},     {Part::kEngine, Part::kNicIotlb},
      {Part::kEngine, Part::kDiskIotlb}, {Part::kNic, Part::kNicIotlb},
      {Part::kDisk, Part::kDiskIotlb},   {Part::kNicIotlb, Part::kStore},
      {Part::kDiskIotlb, Part::kStore},  {Part::kMemory, Part::kNic},
      {Part::kMemory, Part::kDisk},      {Part::kDriver, Part::kMemory}};
  painter.setPen(QPen(theme().rule, 1));
  painter.setBrush(Qt::NoBrush);
  for (const auto& [from, to] : kWays) painter.drawPolyline(way_between(layout, from, to));
}

// Beside the way of a move, so that words of both directions keep apart.
QPointF label_place(const QPolygonF& way, const QFont& font, const QString& text) {
  const QFontMetricsF metrics(font);
  const bool flat = way.size() == 2 && std::abs(way[0].y() - way[1].y()) < 1;
  if (!flat) {
    const double to_right = way.last().y() > way.first().y() && way.size() == 2 ? -1 : 1;
    return point_on(way, 0.5) + QPointF(to_right * (metrics.horizontalAdvance(text) / 2 + 14), 0);
  }
  const double side = way[1].x() > way[0].x() ? -1 : 1;
  return point_on(way, 0.5) + QPointF(0, side * (metrics.height() * 0.5 + 6));
}

QColor move_colour(const Move& move) {
  return move.tone == Tone::kPlain ? theme().accent : tone_colour(move.tone);
}

// The last word on each way: what came earlier on the same way is under it.
bool is_last_on_its_way(const std::vector<Move>& moves, std::size_t index) {
  return std::none_of(moves.begin() + static_cast<long>(index) + 1, moves.end(),
                      [&](const Move& later) {
                        return later.from == moves[index].from && later.to == moves[index].to;
                      });
}

void draw_moves(QPainter& painter, const SceneLayout& layout, const std::vector<Move>& moves,
                std::optional<Travel> travel, const QFont& font) {
  const std::size_t arrived = travel ? travel->move : moves.size();
  for (std::size_t i = 0; i < std::min(arrived, moves.size()); ++i) {
    draw_arrow(painter, way_between(layout, moves[i].from, moves[i].to), move_colour(moves[i]), 2);
  }
  for (std::size_t i = 0; i < std::min(arrived, moves.size()); ++i) {
    const QPolygonF way = way_between(layout, moves[i].from, moves[i].to);
    if (way.isEmpty() || !is_last_on_its_way(moves, i)) continue;
    draw_label(painter, label_place(way, font, qt(moves[i].label)), qt(moves[i].label),
               move_colour(moves[i]), font, false);
  }
  if (!travel || travel->move >= moves.size()) return;
  const Move& move = moves[travel->move];
  const QPolygonF way = way_between(layout, move.from, move.to);
  if (way.isEmpty()) return;
  draw_arrow(painter, way, faded(move_colour(move), 0.45), 2);
  draw_label(painter, point_on(way, travel->share), qt(move.label), move_colour(move), font, true);
}

bool takes_part(const std::vector<Move>& moves, Part part) {
  return std::any_of(moves.begin(), moves.end(),
                     [&](const Move& move) { return move.from == part || move.to == part; });
}

}  // namespace

QColor tone_colour(Tone tone) {
  const Theme& now = theme();
  switch (tone) {
    case Tone::kPlain:
    case Tone::kHeading:
      return now.text;
    case Tone::kQuiet:
      return now.muted;
    case Tone::kMap:
      return now.map;
    case Tone::kUnmap:
      return now.unmap;
    case Tone::kTranslate:
      return now.translate;
    case Tone::kFault:
      return now.fault;
    case Tone::kStale:
      return now.stale;
    case Tone::kCopy:
      return now.copy;
    case Tone::kGood:
      return now.good;
  }
  return now.text;
}

std::optional<double> fitting_points(const QRectF& area, const lessons::Frame& frame) {
  return fitting(frame.picture,
                 scene_layout(area, frame.picture.shows_disk, !frame.snapshot.scores.empty()));
}

void paint_scene(QPainter& painter, const QRectF& area, const lessons::Frame& frame,
                 std::optional<Travel> travel) {
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  const bool scores = !frame.snapshot.scores.empty();
  const SceneLayout layout = scene_layout(area, frame.picture.shows_disk, scores);
  const Fonts fonts = fonts_of(fitting(frame.picture, layout).value_or(kSmallest));
  draw_connections(painter, layout);
  for (const Box& box : frame.picture.boxes) {
    if (!layout.shows(box.part)) continue;
    draw_box(painter, layout.box(box.part), box, fonts, takes_part(frame.moves, box.part));
  }
  const double label_points = std::clamp(layout.gap / 7.5, 7.0, 16.0);
  draw_moves(painter, layout, frame.moves, travel, text_font(label_points));
  if (scores) paint_scores(painter, layout.score_board, frame.snapshot.scores);
  painter.restore();
}

}  // namespace violet::gui

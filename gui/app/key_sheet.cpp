#include "gui/app/key_sheet.hpp"

#include <QGridLayout>
#include <QLabel>
#include <QMap>
#include <QScrollArea>
#include <QVBoxLayout>

#include "gui/app/action_table.hpp"
#include "gui/kit/theme.hpp"

namespace violet::gui {

namespace {

QString group_html(const QString& group, const QStringList& rows) {
  return QStringLiteral(
             "<p style='margin:0 0 4px 0'><b>%1</b></p><table cellspacing='0' "
             "cellpadding='1'>%2</table>")
      .arg(group.toHtmlEscaped(), rows.join(QString()));
}

QString row_html(const ActionRow& row) {
  return QStringLiteral(
             "<tr><td style='font-family:%1; padding-right:14px; "
             "white-space:nowrap'>%2</td><td>%3</td></tr>")
      .arg(number_font().family(), ActionTable::keysText(row).toHtmlEscaped(),
           row.text.toHtmlEscaped());
}

// What the mouse does is not in the table: it has no action.
QString mouse_html() {
  const QStringList rows{
      QObject::tr("<tr><td style='padding-right:14px'>wheel</td><td>zoom time; with Ctrl "
                  "addresses; with Shift pan</td></tr>"),
      QObject::tr("<tr><td style='padding-right:14px'>drag</td><td>pan; with Shift or the right "
                  "button select</td></tr>"),
      QObject::tr(
          "<tr><td style='padding-right:14px'>click</td><td>the life of a page (Churn)</td></tr>"),
      QObject::tr("<tr><td style='padding-right:14px'>double click</td><td>fit</td></tr>")};
  return group_html(QObject::tr("Mouse"), rows);
}

}  // namespace

KeySheet::KeySheet(const ActionTable& table, QWidget* parent) : QDialog(parent) {
  setWindowTitle(tr("Keys"));
  setAccessibleName(tr("Keys"));
  setAttribute(Qt::WA_DeleteOnClose);
  QStringList order;
  QMap<QString, QStringList> groups;
  for (const ActionTable::Entry* entry : table.available()) {
    if (entry->row.keys.isEmpty()) continue;
    if (!groups.contains(entry->row.group)) order << entry->row.group;
    groups[entry->row.group] << row_html(entry->row);
  }
  auto* inner = new QWidget(this);
  auto* grid = new QGridLayout(inner);
  grid->setHorizontalSpacing(32);
  grid->setVerticalSpacing(16);
  // The shorter column gets the next group.
  int length[2] = {0, 0}, rows[2] = {0, 0};
  const auto place = [&](const QString& html, int lines) {
    const int column = length[0] <= length[1] ? 0 : 1;
    auto* label = new QLabel(html, inner);
    label->setTextFormat(Qt::RichText);
    grid->addWidget(label, rows[column]++, column, Qt::AlignTop);
    length[column] += lines + 2;
  };
  for (const QString& group : order)
    place(group_html(group, groups[group]), int(groups[group].size()));
  place(mouse_html(), 4);
  auto* scroll = new QScrollArea(this);
  scroll->setWidget(inner);
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  auto* column = new QVBoxLayout(this);
  column->addWidget(scroll);
  const QSize most = parent != nullptr ? parent->size() : QSize(1280, 720);
  resize(std::min(860, most.width() - 40),
         std::min(inner->sizeHint().height() + 40, most.height() - 40));
}

}  // namespace violet::gui

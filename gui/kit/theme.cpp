#include "gui/kit/theme.hpp"

#include <QApplication>
#include <QFontDatabase>
#include <QHash>
#include <QPalette>
#include <QStyleFactory>

#include "gui/kit/plain_text.hpp"

namespace violet::gui {

namespace {

Theme make_dark() {
  Theme t;
  t.dark = true;
  t.window = QColor(0x0d, 0x12, 0x18);
  t.panel = QColor(0x12, 0x19, 0x21);
  t.raised = QColor(0x1b, 0x25, 0x30);
  t.text = QColor(0xdd, 0xe4, 0xec);
  t.muted = QColor(0x93, 0xa1, 0xb0);
  t.disabled = QColor(0x5b, 0x68, 0x76);
  t.rule = QColor(0x2a, 0x36, 0x42);
  t.grid = QColor(0x1e, 0x28, 0x32);
  t.accent = QColor(0xa8, 0x8b, 0xfa);
  t.accent_text = QColor(0x12, 0x0d, 0x22);
  t.map = QColor(0x14, 0xb0, 0x85);
  t.unmap = QColor(0x2c, 0x8a, 0xd0);
  t.translate = QColor(0x7c, 0xc8, 0xf0);
  t.fault = QColor(0xd8, 0x8b, 0xb4);
  t.stale = QColor(0xf2, 0x6b, 0x1d);
  t.copy = QColor(0xe9, 0xb0, 0x2e);
  t.good = QColor(0x3f, 0xc3, 0x8f);
  t.bad = QColor(0xf2, 0x6b, 0x5b);
  t.strategies = {QColor(0x56, 0xb4, 0xe9), QColor(0xe6, 0x9f, 0x00), QColor(0x1f, 0xb0, 0x8a),
                  QColor(0xd4, 0x84, 0xb4), QColor(0xf0, 0xe4, 0x42), QColor(0x8f, 0x9d, 0xf0),
                  QColor(0xb8, 0xc2, 0xcc), QColor(0xd2, 0x7f, 0x58)};
  return t;
}

Theme make_light() {
  Theme t;
  t.dark = false;
  t.window = QColor(0xf1, 0xf2, 0xf0);
  t.panel = QColor(0xfc, 0xfc, 0xfa);
  t.raised = QColor(0xe9, 0xeb, 0xea);
  t.text = QColor(0x1b, 0x22, 0x29);
  t.muted = QColor(0x56, 0x61, 0x6c);
  t.disabled = QColor(0x9a, 0xa3, 0xab);
  t.rule = QColor(0xcf, 0xd4, 0xd6);
  t.grid = QColor(0xe6, 0xe8, 0xe7);
  t.accent = QColor(0x65, 0x42, 0xc4);
  t.accent_text = QColor(0xff, 0xff, 0xff);
  t.map = QColor(0x00, 0x8a, 0x64);
  t.unmap = QColor(0x00, 0x68, 0xa8);
  t.translate = QColor(0x38, 0x9f, 0xd8);
  t.fault = QColor(0xb4, 0x58, 0x8c);
  t.stale = QColor(0xd5, 0x4c, 0x00);
  t.copy = QColor(0xc4, 0x86, 0x00);
  t.good = QColor(0x0a, 0x80, 0x58);
  t.bad = QColor(0xc2, 0x34, 0x22);
  t.strategies = {QColor(0x1f, 0x84, 0xc0), QColor(0xc4, 0x82, 0x00), QColor(0x00, 0x8f, 0x68),
                  QColor(0xb4, 0x58, 0x8c), QColor(0x8f, 0x84, 0x00), QColor(0x52, 0x62, 0xc8),
                  QColor(0x5f, 0x6b, 0x76), QColor(0xa4, 0x52, 0x2c)};
  return t;
}

QPalette palette_of(const Theme& t) {
  QPalette p;
  p.setColor(QPalette::Window, t.window);
  p.setColor(QPalette::WindowText, t.text);
  p.setColor(QPalette::Base, t.panel);
  p.setColor(QPalette::AlternateBase, t.raised);
  p.setColor(QPalette::ToolTipBase, t.raised);
  p.setColor(QPalette::ToolTipText, t.text);
  p.setColor(QPalette::PlaceholderText, t.muted);
  p.setColor(QPalette::Text, t.text);
  p.setColor(QPalette::Button, t.raised);
  p.setColor(QPalette::ButtonText, t.text);
  p.setColor(QPalette::BrightText, t.bad);
  p.setColor(QPalette::Link, t.accent);
  p.setColor(QPalette::Highlight, t.accent);
  p.setColor(QPalette::HighlightedText, t.accent_text);
  for (const auto role :
       {QPalette::Light, QPalette::Midlight, QPalette::Mid, QPalette::Dark, QPalette::Shadow}) {
    p.setColor(role, t.rule);
  }
  for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText}) {
    p.setColor(QPalette::Disabled, role, t.disabled);
  }
  return p;
}

// 4 px grid, thin rules, no gradients; colours by name, so that one sheet serves both themes.
constexpr const char* kSheet = R"(
* { outline: none; }
QMainWindow, QDialog { background: @window; }
QDialog { border: 1px solid @rule; }
QMainWindow::separator { background: @rule; width: 1px; height: 1px; }
QToolBar { background: @window; border: none; border-bottom: 1px solid @rule; padding: 4px 8px;
  spacing: 4px; }
QToolBar::separator { background: @rule; width: 1px; margin: 4px; }
QToolButton { background: transparent; border: 1px solid transparent; border-radius: 3px;
  padding: 3px 8px; color: @text; }
QToolButton#qt_toolbar_ext_button { padding: 0; background: @raised; }
QToolButton:hover { background: @raised; }
QToolButton:checked { background: @raised; border-color: @accent; }
QToolButton:focus { border-color: @accent; }
QToolButton:disabled { color: @disabled; }
QToolButton::menu-indicator { image: none; width: 0; }
QPushButton { background: @raised; border: 1px solid @rule; border-radius: 3px;
  padding: 4px 12px; color: @text; }
QPushButton:hover, QPushButton:focus { border-color: @accent; }
QPushButton:default { background: @accent; border-color: @accent; color: @accent_text; }
QPushButton:disabled { color: @disabled; border-color: @grid; background: @window; }
QStatusBar { background: @window; border-top: 1px solid @rule; color: @muted; }
QStatusBar::item { border: none; }
QMenuBar { background: @window; color: @text; border-bottom: 1px solid @rule; padding: 0 4px; }
QMenuBar::item { background: transparent; padding: 4px 8px; }
QMenuBar::item:selected { background: @raised; }
QMenu { background: @raised; border: 1px solid @rule; padding: 4px 0; color: @text; }
QMenu::item { padding: 4px 24px 4px 24px; }
QMenu::item:selected { background: @accent; color: @accent_text; }
QMenu::item:disabled { color: @disabled; }
QMenu::separator { background: @rule; height: 1px; margin: 4px 0; }
QTabWidget::pane { border: none; }
QTabBar { background: @window; qproperty-drawBase: 0; }
QTabBar::tab { background: transparent; color: @muted; padding: 5px 12px; border: none;
  border-bottom: 2px solid transparent; }
QTabBar::tab:selected { color: @text; border-bottom: 2px solid @accent; }
QTabBar::tab:hover { color: @text; }
QTabBar::tab:focus { color: @accent; }
QDockWidget { color: @muted; titlebar-close-icon: none; }
QDockWidget::title { background: @window; padding: 4px 8px; border-bottom: 1px solid @rule; }
QHeaderView { background: @panel; }
QHeaderView::section { background: @panel; color: @muted; border: none;
  border-bottom: 1px solid @rule; border-right: 1px solid @grid; padding: 3px 6px; }
QTableView, QTreeView, QListView { background: @panel; border: none; color: @text;
  gridline-color: @grid; selection-background-color: @chosen; selection-color: @text;
  alternate-background-color: @panel; }
QTableView:focus, QTreeView:focus, QListView:focus { border: 1px solid @accent; }
QListView::indicator, QTreeView::indicator, QCheckBox::indicator { width: 11px; height: 11px;
  border: 1px solid @muted; border-radius: 2px; background: @panel; }
QListView::indicator:checked, QTreeView::indicator:checked, QCheckBox::indicator:checked {
  background: @accent; border-color: @accent; }
QTableCornerButton::section { background: @panel; border: none; }
QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox { background: @panel;
  border: 1px solid @rule; border-radius: 3px; padding: 3px 6px; color: @text;
  selection-background-color: @accent; selection-color: @accent_text; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QSpinBox:focus { border-color: @accent; }
QComboBox { background: @raised; border: 1px solid @rule; border-radius: 3px; padding: 3px 8px;
  color: @text; }
QComboBox:focus { border-color: @accent; }
QComboBox QAbstractItemView { background: @raised; border: 1px solid @rule;
  selection-background-color: @accent; selection-color: @accent_text; }
QProgressBar { background: @raised; border: none; border-radius: 2px; max-height: 4px;
  text-align: center; }
QProgressBar::chunk { background: @accent; border-radius: 2px; }
QScrollBar { background: transparent; border: none; }
QScrollBar:vertical { width: 10px; }
QScrollBar:horizontal { height: 10px; }
QScrollBar::handle { background: @rule; border-radius: 3px; margin: 2px; min-height: 24px;
  min-width: 24px; }
QScrollBar::handle:hover { background: @muted; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QSplitter::handle { background: @rule; }
QSplitter::handle:horizontal { width: 1px; }
QSplitter::handle:vertical { height: 1px; }
QToolTip { background: @raised; color: @text; border: 1px solid @rule; padding: 4px; }
)";

QString sheet_of(const Theme& t) {
  QString sheet = QString::fromLatin1(kSheet);
  // Longer names first: @accent is the head of @accent_text.
  const auto mix = [](int a, int b) { return (a * 7 + b * 3) / 10; };
  const QColor chosen(mix(t.panel.red(), t.accent.red()), mix(t.panel.green(), t.accent.green()),
                      mix(t.panel.blue(), t.accent.blue()));
  const std::pair<const char*, QColor> names[] = {
      {"@chosen", chosen},       {"@accent_text", t.accent_text},
      {"@accent", t.accent},     {"@window", t.window},
      {"@panel", t.panel},       {"@raised", t.raised},
      {"@text", t.text},         {"@muted", t.muted},
      {"@disabled", t.disabled}, {"@rule", t.rule},
      {"@grid", t.grid}};
  for (const auto& [name, colour] : names) {
    sheet.replace(QString::fromLatin1(name), colour.name());
  }
  return sheet;
}

// Strategies that Violet ships keep their colour whatever else is shown beside them.
int known_strategy(const QString& name) {
  static const QHash<QString, int> known = {
      {"strict", 0},         {"lazy-percpu", 1}, {"lazy", 1},
      {"bounce-dynamic", 2}, {"bounce", 2},      {"lazy-single", 3},
      {"direct", 4},         {"optimistic", 5},  {"off", 6}};
  return known.value(name, -1);
}

}  // namespace

QColor Theme::of(Operation operation) const {
  switch (operation) {
    case Operation::kMap:
      return map;
    case Operation::kUnmap:
      return unmap;
    case Operation::kTranslate:
      return translate;
    case Operation::kFault:
      return fault;
    case Operation::kCount:
      break;
  }
  return muted;
}

QColor Theme::of_strategy(const QString& name) const {
  int index = known_strategy(name);
  if (index < 0) {
    std::size_t sum = 0;  // Not qHash: the same in every process.
    for (const QChar c : name) sum = sum * 31 + c.unicode();
    index = static_cast<int>(sum % strategies.size());
  }
  return strategies[static_cast<std::size_t>(index) % strategies.size()];
}

const Theme& Themes::dark() {
  static const Theme theme = make_dark();
  return theme;
}
const Theme& Themes::light() {
  static const Theme theme = make_light();
  return theme;
}

Themes::Themes() : current_(&dark()) {}

Themes& Themes::instance() {
  static Themes themes;
  return themes;
}

void Themes::setDark(bool on) {
  const Theme* wanted = on ? &dark() : &light();
  if (wanted == current_) return;
  current_ = wanted;
  if (application_ != nullptr) apply(*application_);
  emit changed();
}

void Themes::apply(QApplication& application) {
  if (application_ == nullptr) {
    application.setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
    application.setFont(text_font());
    show_plain_text(application);
  }
  application_ = &application;
  application.setPalette(palette_of(*current_));
  application.setStyleSheet(sheet_of(*current_));
}

namespace {
constexpr double kTextPoints = 9;
}

QFont number_font(double points) {
  static const QString family = [] {
    const QString wanted = QStringLiteral("DejaVu Sans Mono");
    return QFontDatabase::hasFamily(wanted)
               ? wanted
               : QFontDatabase::systemFont(QFontDatabase::FixedFont).family();
  }();
  QFont font(family);
  font.setStyleHint(QFont::Monospace);
  font.setPointSizeF(points > 0 ? points : kTextPoints);
  return font;
}

QFont text_font(double points, bool bold) {
  // The platform's own; offscreen and minimal ones may have none that can be drawn.
  static const QString family = [] {
    const QString own = QFontDatabase::systemFont(QFontDatabase::GeneralFont).family();
    return QFontDatabase::hasFamily(own) ? own : QStringLiteral("DejaVu Sans");
  }();
  QFont font(family);
  font.setPointSizeF(points > 0 ? points : kTextPoints);
  font.setBold(bold);
  return font;
}

}  // namespace violet::gui

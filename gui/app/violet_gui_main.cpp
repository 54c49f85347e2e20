// violet_gui: the application, and --render for pictures without a display.
#include <QApplication>
#include <QSettings>
#include <cstdio>
#include <cstdlib>

#include "engine/base/standard_streams.hpp"
#include "experiments/results/table.hpp"
#include "gui/app/command_line.hpp"
#include "gui/app/main_window.hpp"
#include "gui/app/render.hpp"
#include "gui/kit/theme.hpp"

namespace violet::gui {
namespace {

int exit_with(const Error& error) {
  tell("violet gui: {}\n", results::printable_lines(error.message));
  return static_cast<int>(error.kind);
}

void set_theme(QApplication& application, const CommandLine& line) {
  const bool remembered = line.render.empty() && !line.dark;
  const bool dark = remembered ? QSettings().value(QStringLiteral("theme/dark"), true).toBool()
                               : line.dark.value_or(true);
  Themes::instance().setDark(dark);
  Themes::instance().apply(application);
}

constexpr const char* kNoDisplay =
    "no display can be opened here; violet gui --render VIEW --out FILE RUN draws without one, and "
    "QT_QPA_PLATFORM names another platform (vnc, offscreen)";

// Qt's remarks about the platform are nothing that a reader could act on, unless it cannot start at
// all: then Qt would abort, and what helps is said instead.
void only_errors(QtMsgType type, const QMessageLogContext&, const QString& message) {
  if (type == QtFatalMsg && message.contains(QLatin1String("platform plugin"))) {
    std::fprintf(stderr, "violet gui: %s\n", kNoDisplay);
    std::_Exit(static_cast<int>(ErrorKind::kEnvironment));
  }
  const bool remark = message.contains(QLatin1String("qt.qpa")) ||
                      message.contains(QLatin1String("platform plugin")) ||
                      message.contains(QLatin1String("QXcb")) ||
                      message.contains(QLatin1String("could not connect to display"));
  if (remark || (type != QtCriticalMsg && type != QtFatalMsg)) return;
  std::fprintf(stderr, "violet gui: %s\n", message.toUtf8().constData());
}

int draw(const CommandLine& line) {
  MainWindow window(false);
  const Status drawn = render(window, line);
  return drawn ? 0 : exit_with(drawn.error());
}

int open_window(const CommandLine& line) {
  MainWindow window;
  if (line.sized) window.resize(line.width, line.height);
  if (!line.run.empty()) {
    const auto path = find_run(line.run, runs_folder());
    if (!path) return exit_with(path.error());
    const QString name = QString::fromStdString(*path);
    line.live ? window.attachLive(name) : window.openRun(name, QString::fromStdString(line.cell));
  }
  window.show();
  const int code = QApplication::exec();
  if (const QString frames = window.frameMeter().summary(); line.live && !frames.isEmpty()) {
    std::fprintf(stderr, "violet gui: live: %s\n", frames.toUtf8().constData());
  }
  return code;
}

int run(int argc, char** argv) {
  const auto line = parse_command_line(std::vector<std::string>(argv + 1, argv + argc));
  if (!line) return exit_with(line.error());
  if (line->help) {
    std::fputs(help_text().c_str(), stdout);
    return 0;
  }
  if (!line->render.empty()) qputenv("QT_QPA_PLATFORM", "offscreen");
  qInstallMessageHandler(only_errors);
  const bool no_display = qEnvironmentVariableIsEmpty("DISPLAY") &&
                          qEnvironmentVariableIsEmpty("WAYLAND_DISPLAY") &&
                          qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM");
  if (no_display) return exit_with({kNoDisplay, ErrorKind::kEnvironment});
  QApplication::setOrganizationName(QStringLiteral("violet"));
  QApplication::setApplicationName(QStringLiteral("violet"));
  QApplication application(argc, argv);
  set_theme(application, *line);
  return line->render.empty() ? open_window(*line) : draw(*line);
}

}  // namespace
}  // namespace violet::gui

int main(int argc, char** argv) {
  violet::secure_standard_streams();
  return violet::gui::run(argc, argv);
}

#include "gui/app/render.hpp"

#include <QEventLoop>
#include <QPainter>
#include <QTimer>

#include "gui/app/main_window.hpp"
#include "gui/explain/explain_workspace.hpp"
#include "gui/explain/lesson_model.hpp"
#include "gui/kit/export_view.hpp"
#include "gui/kit/time_panel.hpp"
#include "gui/observe/observe_view.hpp"
#include "gui/observe/observe_workspace.hpp"

namespace violet::gui {

namespace {

// Runs the event loop until `done`, looked at after every event and every few milliseconds.
template <class Done>
Status wait_for(const Done& done, const std::string& what) {
  constexpr int kLookMs = 5, kMostMs = 120'000;
  QEventLoop loop;
  QTimer look, limit;
  bool late = false;
  QObject::connect(&look, &QTimer::timeout, &loop, [&] {
    if (done()) loop.quit();
  });
  QObject::connect(&limit, &QTimer::timeout, &loop, [&] {
    late = true;
    loop.quit();
  });
  look.start(kLookMs);
  limit.start(kMostMs);
  loop.exec();
  if (late) return fail("{} took longer than {} s", what, kMostMs / 1000);
  return {};
}

Status show_time(Session& session, const CommandLine& line) {
  if (line.to_ns == 0) return {};
  const TimeWindow whole = session.cell()->info().whole, wanted{line.from_ns, line.to_ns};
  if (wanted.to <= whole.from || wanted.from >= whole.to) {
    return fail(ErrorKind::kUsage, "--time: the cell goes from {} s to {} s",
                double(whole.from) / 1e9, double(whole.to) / 1e9);
  }
  session.setWindow(wanted);
  return {};
}

bool has_no_events(MainWindow& window) {
  const RunQueries* run = window.session()->run();
  return run != nullptr && !run->no_cells_because().empty();
}

// What is drawn from results alone needs none.
Status check_without_events(MainWindow& window, const CommandLine& line) {
  const bool results =
      line.render == "compare" || line.render == "experiment" || line.render == "window";
  if (results && line.to_ns == 0) return {};
  return fail("{}: {}; --render compare and --render experiment draw its results",
              window.session()->run()->path(), window.session()->run()->no_cells_because());
}

Status open_for_picture(MainWindow& window, const CommandLine& line) {
  if (line.run.empty()) return {};
  VIOLET_TRY(const std::string path, find_run(line.run, runs_folder()));
  QString failure;
  const auto connection =
      QObject::connect(window.session(), &Session::failed, &window,
                       [&failure](const QString& message) { failure = message; });
  const QString name = QString::fromStdString(path);
  line.live ? window.attachLive(name) : window.openRun(name, QString::fromStdString(line.cell));
  const Status waited = wait_for(
      [&] {
        return !failure.isEmpty() || (!window.opening() && (window.session()->cell() != nullptr ||
                                                            has_no_events(window)));
      },
      "opening " + path);
  QObject::disconnect(connection);
  if (!waited) return waited;
  if (!failure.isEmpty()) return fail("{}", failure.toStdString());
  if (has_no_events(window)) return check_without_events(window, line);
  return show_time(*window.session(), line);
}

// --size is of the whole picture, its caption included.
int height_for(const CommandLine& line, const QString& caption) {
  return line.height - (caption.isEmpty() ? 0 : kCaptionHeight);
}

// As fine as the picture, whatever the screen.
void set_density(MainWindow& window, const CommandLine& line) {
  for (const char* name : {"churn", "latency", "exposure", "engine"}) {
    TimePanel* panel = window.observe()->panel(QLatin1String(name));
    static_cast<ObserveView*>(panel)->setDensity(
        density_for(QString::fromStdString(line.out), line.scale));
  }
}

Status draw_panel(MainWindow& window, TimePanel& panel, const CommandLine& line) {
  auto& view = static_cast<ObserveView&>(panel);
  view.setParent(nullptr);
  const QString caption = window.observe()->caption();
  const QSize size(line.width, height_for(line, caption));
  lay_out(view, size);
  view.show();
  view.refresh();
  const Status waited = wait_for([&] { return view.settled(); }, "drawing " + line.render);
  if (!waited) return waited;
  Picture picture;
  picture.title = view.accessibleName();
  picture.caption = caption;
  picture.size = size;
  picture.scale = line.scale;
  picture.paint = [&view](QPainter& painter, const QRect& area) {
    view.paint(painter, QRectF(area));
  };
  const Status written = export_picture(picture, QString::fromStdString(line.out));
  view.hide();
  view.setParent(&window);
  return written;
}

// All that `shown` asks for has arrived.
Status settle(QWidget& shown, const Workspace& front, const std::string& what) {
  bool sized = false;
  QTimer::singleShot(100, &shown, [&sized] { sized = true; });  // The docks take their shares.
  for (int look = 0; look < 2; ++look) {  // A table asks for its lines when it is looked at.
    VIOLET_TRY(wait_for([&] { return sized && front.settled(); }, "drawing " + what));
    shown.grab();
  }
  return wait_for([&] { return front.settled(); }, "drawing " + what);
}

// Bars, tabs and docks as they are on the screen.
Status draw_window(MainWindow& window, const CommandLine& line) {
  const Workspace& front = *window.observe();
  const QString caption = front.caption();
  const QSize size(line.width, height_for(line, caption));
  lay_out(window, size);
  VIOLET_TRY(settle(window, front, "the window"));
  return export_view(window, size, caption, QString::fromStdString(line.out), line.scale);
}

Status draw_view(MainWindow& window, const CommandLine& line) {
  const QString name = QString::fromStdString(line.render);
  if (TimePanel* panel = window.observe()->panel(name)) return draw_panel(window, *panel, line);
  if (line.render == "window") return draw_window(window, line);
  window.bringForward(name);
  Workspace* view = window.workspace(name);
  if (view == nullptr) return fail("this build has no view called {}", line.render);
  if (auto* explain = qobject_cast<ExplainWorkspace*>(view)) {
    explain->goTo(line.lesson - 1, line.step - 1);
    const LessonModel& now = *explain->model();
    if (now.lesson() + 1 != line.lesson || now.step() + 1 != line.step) {
      return fail("there is no lesson {} with a step {}", line.lesson, line.step);
    }
  }
  // The picture is of the workspace alone: the window's bars are no part of it.
  view->setParent(nullptr);
  view->showControls(false);
  const QSize size(line.width, height_for(line, view->caption()));
  lay_out(*view, size);
  view->show();
  const Status waited = settle(*view, *view, line.render);
  const Status written =
      waited ? export_view(*view, size, QString::fromStdString(line.out), line.scale) : waited;
  view->hide();
  view->setParent(&window);
  return written;
}

}  // namespace

Status render(MainWindow& window, const CommandLine& line) {
  set_density(window, line);
  window.resize(line.width, line.height);
  window.show();
  VIOLET_TRY(open_for_picture(window, line));
  VIOLET_TRY(draw_view(window, line));
  const RunQueries* run = window.session()->run();
  if (run == nullptr || run->damage().empty()) return {};
  return fail("{} was drawn, but not of a whole run: {}", line.out, run->damage());
}

}  // namespace violet::gui

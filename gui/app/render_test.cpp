#include "gui/app/render.hpp"

#include <gtest/gtest.h>

#include <QAbstractButton>
#include <QApplication>
#include <QComboBox>
#include <QFile>
#include <QLineEdit>
#include <QRegularExpression>
#include <fstream>

#include "engine/base/test_folder_testing.hpp"
#include "experiments/query/run_fixture_testing.hpp"
#include "experiments/query/synthetic_run.hpp"
#include "experiments/trace/event_trace.hpp"
#include "gui/app/main_window.hpp"
#include "gui/kit/frame.hpp"
#include "gui/kit/time_panel.hpp"
#include "gui/kit/workspace.hpp"
#include "gui/observe/observe_workspace.hpp"

namespace violet::gui {
using namespace query;
namespace {

// --live is of a run that goes on. Of one that does not, its recording would be drawn, which nobody asked for.
TEST(Render, ALivePictureOfARunThatIsOverIsRefused) {
  const TestFolder folder;
  CommandLine line;
  line.run = write_fixture_run(folder.path(), {{"strict"}});
  line.live = true;
  line.render = "compare";
  line.out = (folder.path() / "out.png").string();
  const auto said = [&] {
    MainWindow window(false);
    const Status drawn = render(window, line);
    return drawn ? std::string() : drawn.error().message;
  };
  EXPECT_NE(said().find("no run goes on here"), std::string::npos) << said();
  // A process that was killed after it had said that the run was over.
  std::ofstream(std::filesystem::path(line.run) / "live.json")
      << R"({"schema": "violet.live", "version": 1, "pid": 2000000000, "start_time": 1, "fd": 3})";
  EXPECT_NE(said().find("the run is over (finished)"), std::string::npos) << said();
  EXPECT_FALSE(std::filesystem::exists(line.out));
}

// A run of two cells with a trace of both, as a run writes it.
std::filesystem::path traced_run(const std::filesystem::path& root) {
  const std::filesystem::path run = write_fixture_run(root, {{"strict"}, {"lazy-percpu"}}, 2);
  auto writer = EventTraceWriter::open(run / "trace.events", {0.5, 0, 0});
  EXPECT_TRUE(writer);
  Ticks start = 1000;
  for (const std::uint32_t cell : {0u, 1u}) {
    SyntheticOptions options;
    options.strategy = cell == 0 ? SyntheticStrategy::kStrict : SyntheticStrategy::kLazy;
    options.events = 30'000;  // Of several rounds of the recorder.
    options.cell = cell;
    options.start = start;
    start = SyntheticRun(options).run([&](std::uint16_t lcore, std::span<const Event> events,
                                          std::uint64_t) {
      EXPECT_TRUE(writer->append(lcore, events));
    }) + 1000;
  }
  return run;
}

// What is said on stderr, with an exit code of 1; the picture is there all the same.
TEST(Render, OfATruncatedTraceItFailsAndSaysWhatIsLost) {
  const TestFolder folder;
  const std::filesystem::path run = traced_run(folder.path());
  CommandLine line;
  line.run = run;
  line.render = "churn";
  line.out = (folder.path() / "out.png").string();
  {
    MainWindow window(false);
    const Status drawn = render(window, line);
    ASSERT_TRUE(drawn) << drawn.error().message;
  }
  const auto trace = run / "trace.events";
  std::filesystem::remove(line.out);
  std::filesystem::resize_file(trace, std::filesystem::file_size(trace) - 7);
  MainWindow window(false);
  const Status drawn = render(window, line);
  ASSERT_FALSE(drawn);
  EXPECT_EQ(drawn.error().kind, ErrorKind::kFailed);
  const std::string& says = drawn.error().message;
  for (const std::string& part :
       {line.out + " was drawn, but not of a whole run: ",
        std::string("trace.events: the file ends in the middle of a block"),
        std::string("strategy=lazy-percpu placement=sidecore, repetition 1, ends early"),
        std::string("the results in Compare and Experiment are whole")}) {
    EXPECT_NE(says.find(part), std::string::npos) << says;
  }
  EXPECT_TRUE(std::filesystem::exists(line.out));
}

int widest_image(const std::string& pdf) {
  QFile file(QString::fromStdString(pdf));
  EXPECT_TRUE(file.open(QIODevice::ReadOnly));
  static const QRegularExpression image(QStringLiteral("/Subtype /Image\\s+/Width (\\d+)"));
  int widest = 0;
  auto found = image.globalMatch(QString::fromLatin1(file.readAll()));
  while (found.hasNext()) widest = std::max(widest, found.next().captured(1).toInt());
  return widest;
}

// A unit of the page is a pixel of the screen, 1/96 inch. Of churn two columns lie in it; a cell of latencies is two
// of them wide everywhere, and a pixel of the image.
TEST(Render, HeatMapsInAPdfAreNoCoarserThanOnTheScreen) {
  const TestFolder folder;
  CommandLine line;
  line.run = traced_run(folder.path());
  line.out = (folder.path() / "out.pdf").string();
  line.width = 800;
  line.height = 400;
  const int plot = 800 - int(Frame::kLeft + Frame::kRight);
  for (const auto& [view, columns] : {std::pair{"churn", 2 * plot}, {"latency", plot / 2}}) {
    line.render = view;
    MainWindow window(false);
    const Status drawn = render(window, line);
    ASSERT_TRUE(drawn) << drawn.error().message;
    EXPECT_EQ(widest_image(line.out), columns) << view;
  }
  line.render = "window";
  line.width = 1280;
  line.height = 720;
  MainWindow window(false);
  const Status drawn = render(window, line);
  ASSERT_TRUE(drawn) << drawn.error().message;
  const QWidget* churn = window.observe()->panel(QStringLiteral("churn"));
  EXPECT_EQ(widest_image(line.out), 2 * int(churn->width() - Frame::kLeft - Frame::kRight));
}

// Counts what of a workspace by itself, as it is for a picture, only a screen has a use for.
class Controls : public QObject {
 public:
  bool eventFilter(QObject* object, QEvent* event) override {
    if (event->type() != QEvent::Paint) return false;
    auto* widget = qobject_cast<QWidget*>(object);
    if (widget == nullptr || qobject_cast<Workspace*>(widget->window()) == nullptr) return false;
    ++painted;
    const bool control = qobject_cast<QAbstractButton*>(widget) != nullptr ||
                         qobject_cast<QComboBox*>(widget) != nullptr ||
                         qobject_cast<QLineEdit*>(widget) != nullptr;
    if (control)
      seen << QLatin1String(widget->metaObject()->className()) + widget->accessibleName();
    return false;
  }
  int painted = 0;
  QStringList seen;
};

TEST(Render, WorkspacesHaveTheSizeThatWasAskedAndNoButtons) {
  const TestFolder folder;
  CommandLine line;
  line.run = traced_run(folder.path());
  line.out = (folder.path() / "out.png").string();
  for (const char* view : {"compare", "topology", "explain", "experiment"}) {
    for (const QSize size : {QSize(1400, 800), QSize(640, 360)}) {
      line.render = view;
      line.width = size.width();
      line.height = size.height();
      MainWindow window(false);
      Controls controls;
      qApp->installEventFilter(&controls);
      const Status drawn = render(window, line);
      qApp->removeEventFilter(&controls);
      ASSERT_TRUE(drawn) << view << ": " << drawn.error().message;
      EXPECT_EQ(QImage(QString::fromStdString(line.out)).size(), size) << view;
      EXPECT_GT(controls.painted, 5) << view;
      EXPECT_TRUE(controls.seen.isEmpty())
          << view << ": " << controls.seen.join(", ").toStdString();
    }
  }
}

}  // namespace
}  // namespace violet::gui

// A live run in the window: a program measures in a process of its own, and the window shows every cell to its end.
//
// VIOLET_PROGRAM names the program; without it these tests are skipped. live_window_test.py runs them in a real
// window, alone and beside processes that want every CPU.
#include <gtest/gtest.h>
#include <signal.h>

#include <QFileInfo>
#include <QProcess>
#include <QTableView>
#include <QTemporaryDir>
#include <QTest>
#include <algorithm>
#include <fstream>
#include <map>

#include "gui/app/main_window.hpp"
#include "gui/model/text.hpp"
#include "gui/observe/cells_model.hpp"
#include "gui/observe/observe_workspace.hpp"

namespace violet::gui {
using namespace query;
namespace {

constexpr int kPatienceMs = 900'000;  // Nothing is timed here: whoever gets no CPU waits.
constexpr int kLacksSomething = 5;

constexpr const char* kPlan = R"(
[plan]
name = "live"
description = "short cells of every kind"
[axes]
workload = ["net-rx", "nvme-4k"]
strategy = ["strict", "lazy-percpu"]
placement = ["samecore", "sidecore"]
[run]
repetitions = 1
warmup_s = 0.02
duration_s = 0.2
[cores]
allow_oversubscribed = true
)";
constexpr std::size_t kPlanCells = 8;

// The program in a folder of its own.
class Measuring {
 public:
  explicit Measuring(const QString& program) {
    auto environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("VIOLET_RUNS"), folder_.path());
    process_.setProcessEnvironment(environment);
    process_.setProgram(program);
  }
  ~Measuring() {
    process_.kill();
    process_.waitForFinished();
  }
  QString write(const QString& name, const char* text) const {
    const QString path = folder_.filePath(name);
    std::ofstream(path.toStdString()) << text;
    return path;
  }
  // The directory of its run once it goes on; empty: it ended before.
  QString start(const QStringList& arguments) {
    process_.setArguments(arguments);
    process_.start();
    QString directory;
    EXPECT_TRUE(QTest::qWaitFor(
        [&] {
          if (process_.state() == QProcess::NotRunning) return true;
          const QFileInfo latest(folder_.filePath(QStringLiteral("latest")));
          if (!QFileInfo::exists(latest.filePath() + QStringLiteral("/live.json"))) return false;
          directory = latest.canonicalFilePath();
          return true;
        },
        kPatienceMs));
    return directory;
  }
  // Of one that is over there is no number; 0 would be this program and all its processes.
  bool kill() {
    const auto pid = static_cast<pid_t>(process_.processId());
    return pid > 0 && ::kill(pid, SIGKILL) == 0;
  }
  int code() {
    process_.waitForFinished(kPatienceMs);
    return process_.exitCode();
  }
  QString words() { return QString::fromUtf8(process_.readAllStandardError()); }

 private:
  QTemporaryDir folder_;
  QProcess process_;
};

// What the window showed while the run went on.
struct Watched {
  MainWindow window{false};
  Session* session = window.session();
  std::vector<CellInfo> live;  // The last that was seen of each cell.
  std::vector<std::size_t> shown;

  Watched() {
    window.resize(1280, 720);
    window.show();
    QObject::connect(session, &Session::pulled, &window, [this] {
      const auto cells = session->run()->cells();
      EXPECT_GE(cells.size(), live.size()) << "a cell disappeared";
      live = cells;
    });
    QObject::connect(session, &Session::cellChanged, &window, [this] {
      if (session->cellIndex()) shown.push_back(*session->cellIndex());
    });
  }
  // The window has said how the run ended; the run itself may know it a moment earlier.
  bool over() const {
    return session->run() != nullptr && !window.opening() && !session->opening() &&
           window.liveLine().startsWith(QStringLiteral("run "));
  }
  bool waitForEnd() {
    return QTest::qWaitFor([this] { return over(); }, kPatienceMs);
  }
  // The list's texts of a column, row by row.
  QStringList column(int column) {
    const QTableView* table = nullptr;
    for (const auto* one : window.findChildren<QTableView*>()) {
      if (one->accessibleName() == QStringLiteral("Cells of the run")) table = one;
    }
    QStringList texts;
    for (int row = 0; row < table->model()->rowCount(); ++row)
      texts << table->model()->index(row, column).data().toString();
    return texts;
  }
};

using ByCell = std::map<std::pair<std::string, std::uint32_t>, CellInfo>;
ByCell by_cell(const std::vector<CellInfo>& cells) {
  ByCell all;
  for (const CellInfo& info : cells) all[{info.cell_id, info.repetition}] = info;
  return all;
}

// Each cell of the recording was seen to its end: with all its events, or with a count of those that were lost.
void expect_every_cell(const std::vector<CellInfo>& seen, const std::vector<CellInfo>& recorded) {
  const ByCell live = by_cell(seen);
  EXPECT_EQ(live.size(), recorded.size());
  for (const CellInfo& cell : recorded) {
    const auto found = live.find({cell.cell_id, cell.repetition});
    ASSERT_NE(found, live.end()) << cell.label << " never appeared";
    const CellInfo& was = found->second;
    EXPECT_FALSE(was.live) << cell.label << " never ended";
    EXPECT_EQ(was.notice, "") << cell.label;
    if (!was.lossy())
      EXPECT_EQ(was.events, cell.events) << cell.label;
    else
      EXPECT_LE(was.events, cell.events) << cell.label << ", lost " << was.lost;
    ::testing::Test::RecordProperty(cell.label + " events, lost",
                                    std::to_string(was.events) + ", " + std::to_string(was.lost));
  }
}

class LiveWindow : public ::testing::Test {
 protected:
  void SetUp() override {
    if (program_.isEmpty()) GTEST_SKIP() << "VIOLET_PROGRAM does not name the program";
  }
  const QString program_ = qEnvironmentVariable("VIOLET_PROGRAM");
};

TEST_F(LiveWindow, EveryCellAppearsEndsAndStaysAndTheRecordingOpens) {
  Measuring measuring(program_);
  Watched watched;
  const QString directory =
      measuring.start({QStringLiteral("run"), measuring.write(QStringLiteral("live.toml"), kPlan)});
  ASSERT_FALSE(directory.isEmpty()) << measuring.words().toStdString();
  watched.window.attachLive(directory);
  ASSERT_TRUE(watched.waitForEnd());
  EXPECT_EQ(measuring.code(), 0) << measuring.words().toStdString();
  EXPECT_EQ(watched.window.liveLine(), QStringLiteral("run finished"));
  EXPECT_EQ(watched.window.message(), QString());
  // By itself the recording is open, at the cell that was followed last.
  EXPECT_EQ(watched.session->run()->progress().state, RunProgress::State::kRecorded);
  EXPECT_EQ(watched.session->cellIndex(), kPlanCells - 1);
  EXPECT_FALSE(watched.session->cell()->info().live);
  const auto recorded = (*open_run(directory.toStdString()))->cells();
  ASSERT_EQ(recorded.size(), kPlanCells);
  expect_every_cell(watched.live, recorded);
  EXPECT_TRUE(std::is_sorted(watched.shown.begin(), watched.shown.end())) << "the view went back";
  QStringList events;
  for (const CellInfo& cell : recorded) events << countText(double(cell.events));
  EXPECT_EQ(watched.column(CellsModel::kEvents), events);
  for (const QString& label : watched.column(CellsModel::kLabel))
    EXPECT_FALSE(label.contains(QStringLiteral("●"))) << label.toStdString();
}

TEST_F(LiveWindow, AChosenCellStaysAlsoWhenTheRecordingOpens) {
  Measuring measuring(program_);
  Watched watched;
  const QString directory =
      measuring.start({QStringLiteral("run"), measuring.write(QStringLiteral("live.toml"), kPlan)});
  ASSERT_FALSE(directory.isEmpty()) << measuring.words().toStdString();
  watched.window.attachLive(directory);
  ASSERT_TRUE(QTest::qWaitFor([&] { return watched.live.size() >= 2; }, kPatienceMs));
  watched.session->openCell(1);
  ASSERT_TRUE(watched.waitForEnd());
  EXPECT_EQ(watched.session->cell()->info().cell_id, watched.live[1].cell_id);
  EXPECT_EQ(watched.live.size(), kPlanCells);
}

TEST_F(LiveWindow, AProcessThatIsKilledIsSaidToHaveDiedAndItsCellsStay) {
  Measuring measuring(program_);
  Watched watched;
  // So many that it goes on however late the window is.
  const QString directory =
      measuring.start({QStringLiteral("run"), measuring.write(QStringLiteral("live.toml"), kPlan),
                       QStringLiteral("--set"), QStringLiteral("run.repetitions=100")});
  ASSERT_FALSE(directory.isEmpty()) << measuring.words().toStdString();
  watched.window.attachLive(directory);
  ASSERT_TRUE(QTest::qWaitFor(
      [&] { return watched.live.size() >= 3 && watched.live.back().events > 0; }, kPatienceMs));
  ASSERT_TRUE(measuring.kill()) << measuring.words().toStdString();
  ASSERT_TRUE(watched.waitForEnd());
  EXPECT_EQ(watched.window.liveLine(), QStringLiteral("run died"));
  EXPECT_TRUE(watched.window.message().contains(QStringLiteral("died")))
      << watched.window.message().toStdString();
  EXPECT_TRUE(watched.window.message().contains(QStringLiteral("--resume")));
  EXPECT_FALSE(watched.window.message().contains(QStringLiteral("cannot be opened")));
  const auto cells = watched.session->run()->cells();
  ASSERT_EQ(cells.size(), watched.live.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    EXPECT_FALSE(cells[i].live);
    EXPECT_GE(cells[i].events, watched.live[i].events);
  }
  EXPECT_NE(watched.session->cell(), nullptr);
}

TEST_F(LiveWindow, AGuestCaptureIsShownToItsEnd) {
  Measuring measuring(program_);
  Watched watched;
  const QString directory = measuring.start({QStringLiteral("guest"), QStringLiteral("capture"),
                                             QStringLiteral("--rounds"), QStringLiteral("1")});
  if (directory.isEmpty() && measuring.code() == kLacksSomething)
    GTEST_SKIP() << measuring.words().toStdString();
  ASSERT_FALSE(directory.isEmpty()) << measuring.words().toStdString();
  watched.window.attachLive(directory);
  ASSERT_TRUE(watched.waitForEnd());
  const int code = measuring.code();
  if (code == kLacksSomething) GTEST_SKIP() << measuring.words().toStdString();
  EXPECT_EQ(code, 0) << measuring.words().toStdString();
  EXPECT_EQ(watched.window.liveLine(), QStringLiteral("run finished"));
  const auto recorded = (*open_run(directory.toStdString()))->cells();
  ASSERT_EQ(recorded.size(), 1u);
  expect_every_cell(watched.live, recorded);
}

}  // namespace
}  // namespace violet::gui

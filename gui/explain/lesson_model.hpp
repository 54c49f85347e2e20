// A lesson model offers a lesson to widgets: which one, which step, its texts, the question before
// the next step, what was answered, and the fields of the request that moved last.
//
// Threading: the main thread. A step is simulated at once; that takes well under a frame.
// Invariants: stepChanged() comes once for every change of lesson, engine or step, after it. A
// verdict is about the answer that led to the step that is shown, and whether it was right is what
// the simulation did.
#pragma once

#include <QAbstractTableModel>
#include <QObject>
#include <QString>
#include <QStringList>
#include <memory>
#include <optional>
#include <vector>

#include "experiments/lessons/layout.hpp"
#include "experiments/lessons/lessons.hpp"
#include "experiments/lessons/player.hpp"

namespace violet::gui {

// The bytes of a request or a fault record, a row a field.
class FieldsModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { kOffset, kName, kMeaning, kBytes, kColumns };
  static constexpr int kKindRole = Qt::UserRole;        // lessons::Field::Kind as int.
  static constexpr int kOriginRole = Qt::UserRole + 1;  // lessons::Field::Origin as int.

  using QAbstractTableModel::QAbstractTableModel;

  void setFields(const QString& title, std::vector<lessons::Field> fields);
  const QString& title() const { return title_; }
  const std::vector<lessons::Field>& fields() const { return fields_; }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  QString title_;
  std::vector<lessons::Field> fields_;
};

class LessonModel : public QObject {
  Q_OBJECT
 public:
  struct Verdict {
    int chosen = 0;
    int right = 0;
    QString text;
    bool isRight() const { return chosen == right; }
  };

  explicit LessonModel(QObject* parent = nullptr);

  static int lessonCount();
  static const lessons::Lesson& lessonAt(int index);
  static QStringList engineNames();  // "radix + targeted-ack"

  int lesson() const { return lesson_; }
  int engine() const { return engine_; }
  int step() const { return static_cast<int>(player_->at()); }
  int stepCount() const { return static_cast<int>(player_->count()); }
  bool atStart() const { return player_->at() == 0; }
  bool atEnd() const { return player_->at_end(); }
  const lessons::Lesson& current() const { return player_->lesson(); }
  const lessons::Frame& frame() const { return player_->frame(); }
  FieldsModel* fields() { return &fields_; }

  QString title() const;
  QString text() const;
  bool asks() const { return player_->question() != nullptr; }
  QString question() const;
  QStringList choices() const;
  const std::optional<Verdict>& verdict() const { return verdict_; }
  // Text and question of every step, for those who want to know how much room they take.
  struct Page {
    QString text;
    QString question;  // The one after it; may be empty.
  };
  std::vector<Page> pages() const;
  // The picture for those who cannot see it.
  QString inWords() const;
  QString plan() const;

 public slots:
  void setLesson(int lesson);
  void setEngine(int engine);
  void setStep(int step);
  void next() { setStep(step() + 1); }
  void back() { setStep(step() - 1); }
  // Runs the next step and keeps how the answer compares; nothing when no question is open.
  void answer(int choice);

 signals:
  void lessonChanged();
  void stepChanged(bool forward);

 private:
  void open();
  void showBytes();
  void show(std::size_t step, bool forward);

  int lesson_ = 0;
  int engine_ = 0;
  std::unique_ptr<lessons::Player> player_;
  std::optional<Verdict> verdict_;
  FieldsModel fields_;
};

}  // namespace violet::gui

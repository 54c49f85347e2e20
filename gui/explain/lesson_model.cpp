#include "gui/explain/lesson_model.hpp"

#include <algorithm>
#include <utility>

#include "gui/model/text.hpp"

namespace violet::gui {
namespace {

QString hexText(const std::vector<std::byte>& bytes) {
  constexpr std::size_t kMost = 8;
  const bool zeros =
      std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
  if (bytes.size() > kMost && zeros) return QStringLiteral("00 \u00d7 %1").arg(bytes.size());
  QString text;
  for (const std::byte byte : bytes) {
    if (!text.isEmpty()) text += QLatin1Char(' ');
    text += QStringLiteral("%1").arg(std::to_integer<unsigned>(byte), 2, 16, QLatin1Char('0'));
  }
  return text;
}

}  // namespace

// --- FieldsModel

void FieldsModel::setFields(const QString& title, std::vector<lessons::Field> fields) {
  beginResetModel();
  title_ = title;
  fields_ = std::move(fields);
  endResetModel();
}

int FieldsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(fields_.size());
}

int FieldsModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumns;
}

QVariant FieldsModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  const lessons::Field& field = fields_[static_cast<std::size_t>(index.row())];
  if (role == kKindRole) return static_cast<int>(field.kind);
  if (role == kOriginRole) return static_cast<int>(field.origin);
  if (role != Qt::DisplayRole) return {};
  switch (index.column()) {
    case kOffset:
      return field.bytes.empty() ? QString() : QString::number(field.offset);
    case kName:
      return qt(field.name);
    case kMeaning:
      return qt(field.meaning);
    default:
      return hexText(field.bytes);
  }
}

QVariant FieldsModel::headerData(int section, Qt::Orientation orientation, int role) const {
  static const QStringList names = {QStringLiteral("Offset"), QStringLiteral("Field"),
                                    QStringLiteral("Says"), QStringLiteral("Bytes")};
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  return section >= 0 && section < names.size() ? names[section] : QString();
}

// --- LessonModel

LessonModel::LessonModel(QObject* parent) : QObject(parent) { open(); }

int LessonModel::lessonCount() { return static_cast<int>(lessons::lessons().size()); }

const lessons::Lesson& LessonModel::lessonAt(int index) {
  return lessons::lessons()[static_cast<std::size_t>(index)];
}

QStringList LessonModel::engineNames() {
  QStringList names;
  for (const auto& choice : lessons::engine_choices()) {
    names += qt(choice.store) + QStringLiteral(" + ") + qt(choice.iotlb);
  }
  return names;
}

QString LessonModel::title() const { return qt(current().steps[player_->at()].title); }

QString LessonModel::text() const { return qt(frame().text); }

QString LessonModel::question() const { return asks() ? qt(player_->question()->text) : QString(); }

QStringList LessonModel::choices() const {
  QStringList texts;
  if (!asks()) return texts;
  for (const auto& choice : player_->question()->choices) texts += qt(choice.text);
  return texts;
}

std::vector<LessonModel::Page> LessonModel::pages() const {
  std::vector<Page> all;
  lessons::Player player(current(), player_->engine());
  for (std::size_t step = 0; step < player.count(); ++step) {
    player.go_to(step);
    const lessons::Question* question = player.question();
    all.push_back({qt(player.frame().text), question != nullptr ? qt(question->text) : QString()});
  }
  return all;
}

QString LessonModel::inWords() const { return qt(lessons::in_words(frame().picture)); }

QString LessonModel::plan() const { return qt(current().plan); }

void LessonModel::setLesson(int lesson) {
  if (lesson < 0 || lesson >= lessonCount() || lesson == lesson_) return;
  lesson_ = lesson;
  open();
  emit lessonChanged();
  emit stepChanged(false);
}

void LessonModel::setEngine(int engine) {
  if (engine < 0 || engine >= engineNames().size() || engine == engine_) return;
  engine_ = engine;
  const std::size_t at = player_->at();
  open();
  show(at, false);
}

void LessonModel::setStep(int step) {
  const int wanted = std::clamp(step, 0, stepCount() - 1);
  if (wanted == this->step()) return;
  verdict_.reset();
  show(static_cast<std::size_t>(wanted), wanted == this->step() + 1);
}

void LessonModel::answer(int choice) {
  if (!asks() || choice < 0 || choice >= choices().size()) return;
  const QStringList texts = choices();
  const std::size_t next = player_->at() + 1;
  verdict_.reset();
  if (const auto right = player_->right_choice(next)) {
    Verdict verdict{choice, static_cast<int>(*right), {}};
    const QString truth = texts[verdict.right];
    verdict.text = verdict.isRight() ? tr("Right.") : tr("It is: %1.").arg(truth);
    verdict_ = verdict;
  }
  show(next, true);
}

void LessonModel::open() {
  const auto choices = lessons::engine_choices();
  player_ = std::make_unique<lessons::Player>(lessonAt(lesson_),
                                              choices[static_cast<std::size_t>(engine_)]);
  verdict_.reset();
  showBytes();
}

void LessonModel::show(std::size_t step, bool forward) {
  player_->go_to(step);
  showBytes();
  emit stepChanged(forward);
}

void LessonModel::showBytes() {
  const lessons::Snapshot& shot = frame().snapshot;
  using Kind = lessons::Focus::Kind;
  if (shot.focus.kind == Kind::kRequest) {
    const lessons::RequestView& request = shot.requests[shot.focus.index];
    fields_.setFields(
        tr("Request #%1: %2").arg(request.token).arg(qt(lessons::request_name(request.readable))),
        lessons::request_fields(request.readable, request.written));
  } else if (shot.focus.kind == Kind::kFault) {
    fields_.setFields(tr("Fault record %1").arg(shot.focus.index + 1),
                      lessons::fault_fields(shot.records[shot.focus.index]));
  } else if (shot.focus.kind == Kind::kAccess) {
    const auto endpoint = static_cast<unsigned>(shot.focus.index);
    const bool reads = shot.accesses[endpoint].access == Access::kRead;
    fields_.setFields((reads ? tr("DMA read by the %1") : tr("DMA write by the %1"))
                          .arg(QLatin1String(lessons::kEndpointNames[endpoint])),
                      lessons::access_fields(endpoint, shot.accesses[endpoint]));
  } else {
    fields_.setFields({}, {});
  }
}

}  // namespace violet::gui

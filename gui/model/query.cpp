#include "gui/model/query.hpp"

#include <QCoreApplication>
#include <QThreadPool>

namespace violet::gui {

void work_then_deliver(std::function<void()> work, std::function<void()> deliver) {
  QThreadPool::globalInstance()->start([work = std::move(work), deliver = std::move(deliver)] {
    work();
    // The application object outlives the pool's work.
    QMetaObject::invokeMethod(QCoreApplication::instance(), deliver, Qt::QueuedConnection);
  });
}

}  // namespace violet::gui

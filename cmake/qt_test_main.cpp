// main() of the tests of rooms that use Qt: googletest under a QApplication, offscreen unless the caller
// has chosen a platform (QT_QPA_PLATFORM=xcb under Xvfb).
#include <gtest/gtest.h>

#include <QApplication>

int main(int argc, char** argv) {
  if (qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
  testing::InitGoogleTest(&argc, argv);
  QApplication::setOrganizationName("violet-tests");
  QApplication::setApplicationName("violet-tests");
  const QApplication application(argc, argv);
  return RUN_ALL_TESTS();
}

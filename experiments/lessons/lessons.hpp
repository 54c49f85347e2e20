// The registry of lessons lists the lessons in their order. A new lesson is one file lesson_x.cpp,
// its declaration below and a line in lessons().
//
// Threading: pure functions; lessons() is immutable.
#pragma once

#include "experiments/lessons/lesson.hpp"

namespace violet::lessons {

Lesson page_lesson();
Lesson stay_out_lesson();
Lesson strict_lesson();
Lesson window_lesson();
Lesson fast_lesson();
Lesson bounce_lesson();
Lesson optimistic_lesson();

}  // namespace violet::lessons

# SPDX-License-Identifier: ISC
# Used in an object folder instead of its Makefile (make -f .../base/obj.mk): the
# same, plus what the compiler found out about headers. The release lists its own
# in .depend, but cannot know the modules and the #includes that we add.
include Makefile
-include $(wildcard *.d regress/*.d regress/unittests/*/*.d)

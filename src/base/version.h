// Which program this is, for results and `--version`.
#pragma once

namespace holdfast {

inline const char* program_version() { return HOLDFAST_VERSION; }
// The commit it was built from, with "-dirty.HASH" for uncommitted changes; "unknown" outside a repository.
// Its source is made at every build by cmake/commit.cmake.
const char* program_commit();

}  // namespace holdfast

#include "values/member_table.h"

namespace slotwise {

template class LinearTable<MemberItems<MemberItem>>;
template class LinearTable<MemberItems<FieldItem>>;
template class LinearTable<MemberItems<ScoreItem>>;

}  // namespace slotwise

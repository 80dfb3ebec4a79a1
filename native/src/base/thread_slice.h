// How the kernel deals out a core among threads.
#pragma once

namespace slotwise {

// For the calling thread, which clients wait for and which works for moments only: it asks for short turns, and gets them
// sooner, before threads that work for long (a snapshot's), which lose nothing. A hint: without effect before Linux 6.12.
void AskForShortTurns();

}  // namespace slotwise

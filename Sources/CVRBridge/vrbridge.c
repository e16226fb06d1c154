/* Compiles the header as a program that includes it would. */
#include "vrbridge.h"

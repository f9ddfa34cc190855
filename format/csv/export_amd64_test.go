package csv

// UseAVX2 lets tests run what other processors run.
var UseAVX2 = &useAVX2

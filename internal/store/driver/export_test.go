package driver

// What the golden tests need of the codecs.
var (
	EncodeFlow      = encodeFlow
	EncodeExecution = encodeExecution

	EncodeProfile      = encodeProfile
	EncodeRegistration = encodeRegistration
)

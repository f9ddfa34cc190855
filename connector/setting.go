package connector

import "slices"

// The settings that several connectors share, word for word.

// ObjectSetting documents the member object.
func ObjectSetting(where, description string) Setting {
	return Setting{Where: where, Name: "object", Description: description, Required: true}
}

// InstanceSetting documents a profile's instanceUrl.
func InstanceSetting(description string) Setting {
	return Setting{Where: InProfile, Name: "instanceUrl", Description: description, Required: true}
}

// ErrorHandlingSettings document a destination's errorHandlingConfig.
func ErrorHandlingSettings() []Setting {
	return []Setting{
		{
			Where: InDestination, Name: "errorHandlingConfig.failOnFirstDestinationError", Kind: Flag, Values: []string{"true", "false"}, Default: "false",
			Description: "Whether the first record that the destination refuses ends the run; else such records are counted and left out.",
		},
		{Where: InDestination, Name: "errorHandlingConfig.bucketName", Description: "The bucket that refused records are kept in."},
		{Where: InDestination, Name: "errorHandlingConfig.bucketPrefix", Description: "The folder in that bucket."},
	}
}

// WriteSettings document a destination's writeOperationType and idFieldNames. Values are those of the model, of which a
// connector's WriteOperations may be fewer.
func WriteSettings(ids string) []Setting {
	return []Setting{
		{
			Where: InDestination, Name: "writeOperationType", Values: []string{"INSERT", "UPSERT", "UPDATE", "DELETE"}, Default: "INSERT",
			Description: "What happens to a record at the destination.",
		},
		{Where: InDestination, Name: "idFieldNames", Kind: List, Description: ids},
	}
}

// OAuthRequestSettings document an oAuthRequest, under a dotted prefix.
func OAuthRequestSettings(prefix string) []Setting {
	return []Setting{
		{Where: InCredentials, Name: prefix + "oAuthRequest.authCode", Secret: true, Description: "The code that the vendor's authorization page has given; it is exchanged for tokens at once."},
		{Where: InCredentials, Name: prefix + "oAuthRequest.redirectUri", Description: "The address that the authorization page has sent the code to, as registered with the vendor."},
		{Where: InCredentials, Name: prefix + "oAuthRequest.codeVerifier", Secret: true, Description: "The verifier of PKCE, when the authorization page was asked with a challenge."},
	}
}

// ClientSettings document an OAuth application's id and secret, under a dotted prefix.
func ClientSettings(prefix string, required bool) []Setting {
	return []Setting{
		{Where: InCredentials, Name: prefix + "clientId", Required: required, Description: "The id of the OAuth application."},
		{Where: InCredentials, Name: prefix + "clientSecret", Required: required, Secret: true, Description: "The secret of the OAuth application."},
	}
}

// AccessTokenSetting documents an accessToken, under a dotted prefix.
func AccessTokenSetting(prefix string) Setting {
	return Setting{Where: InCredentials, Name: prefix + "accessToken", Secret: true, Description: "An access token that was fetched before; an oAuthRequest is then not needed."}
}

// RefreshTokenSetting documents a refreshToken, under a dotted prefix.
func RefreshTokenSetting(prefix string) Setting {
	return Setting{Where: InCredentials, Name: prefix + "refreshToken", Secret: true, Description: "A refresh token, from which access tokens are made as they expire."}
}

// FileOutputSettings document an s3OutputFormatConfig; strict is Upsolver's form of it, where the prefix is required and
// types are not kept.
func FileOutputSettings(strict bool) []Setting {
	const at = "s3OutputFormatConfig."
	list := []Setting{
		{Where: InDestination, Name: at + "fileType", Description: "The format of the files; JSON is one object per line.", Values: []string{"CSV", "JSON", "PARQUET"}, Default: "JSON"},
		{
			Where: InDestination, Name: at + "prefixConfig.prefixType", Values: []string{"FILENAME", "PATH", "PATH_AND_FILENAME"},
			Description: "Where the time of the run goes: into the names of files, of folders, or both.",
		},
		{
			Where: InDestination, Name: at + "prefixConfig.prefixFormat", Values: []string{"YEAR", "MONTH", "DAY", "HOUR", "MINUTE"},
			Description: "How fine the folders of time are; DAY when there are such folders and nothing is set.",
		},
		{
			Where: InDestination, Name: at + "prefixConfig.pathPrefixHierarchy", Kind: List, Values: []string{"EXECUTION_ID", "SCHEMA_VERSION"},
			Description: "Which of the two further folders there are; the order does not matter.",
		},
		{
			Where: InDestination, Name: at + "aggregationConfig.aggregationType", Values: []string{"None", "SingleFile"}, Default: "None",
			Description: "Whether a run's rows go into one file, for each partition.",
		},
		{Where: InDestination, Name: at + "aggregationConfig.targetFileSize", Kind: Number, Description: "The size that files should have, in units of 1,048,576 bytes."},
	}
	if strict {
		return list
	}
	return append(list, Setting{
		Where: InDestination, Name: at + "preserveSourceDataTyping", Kind: Flag, Values: []string{"true", "false"}, Default: "false",
		Description: "Whether Parquet columns keep the source's types; else they are all text.",
	})
}

// Settings joins lists of settings.
func Settings(lists ...[]Setting) []Setting { return slices.Concat(lists...) }

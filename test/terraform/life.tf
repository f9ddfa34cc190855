# What test/terraform/check.py applies, changes and destroys.

resource "aws_appflow_connector_profile" "singular" {
  name            = "tf-singular"
  connector_type  = "Singular"
  connection_mode = "Private" # is kept although nobody answers to its credentials

  connector_profile_config {
    connector_profile_credentials {
      singular {
        api_key = "key-of-a-test"
      }
    }
    connector_profile_properties {
      singular {}
    }
  }
}

resource "aws_appflow_flow" "orders" {
  name        = "tf-orders"
  description = "orders, by Terraform"

  source_flow_config {
    connector_type = "S3"
    source_connector_properties {
      s3 {
        bucket_name   = "shop"
        bucket_prefix = "orders"
        s3_input_format_config {
          s3_input_file_type = "CSV"
        }
      }
    }
  }

  destination_flow_config {
    connector_type = "S3"
    destination_connector_properties {
      s3 {
        bucket_name   = "lake"
        bucket_prefix = "orders"
        s3_output_format_config {
          file_type = "PARQUET"
          aggregation_config {
            aggregation_type = "SingleFile"
            target_file_size = 128
          }
          prefix_config {
            prefix_type      = "PATH"
            prefix_format    = "DAY"
            prefix_hierarchy = ["SCHEMA_VERSION", "EXECUTION_ID"]
          }
        }
      }
    }
  }

  # Not in the order in which a set sorts them.
  task {
    task_type         = "Map"
    source_fields     = ["id"]
    destination_field = "key"
    task_properties = {
      "SOURCE_DATA_TYPE"      = "string"
      "DESTINATION_DATA_TYPE" = "string"
    }
    connector_operator {
      s3 = "NO_OP"
    }
  }
  task {
    task_type       = "Mask"
    source_fields   = ["card"]
    task_properties = { "MASK_LENGTH" = "4", "MASK_VALUE" = "*" }
    connector_operator {
      s3 = "MASK_FIRST_N"
    }
  }
  task {
    task_type     = "Filter"
    source_fields = ["id", "card"]
    connector_operator {
      s3 = "PROJECTION"
    }
  }
  task {
    task_type         = "Map"
    source_fields     = ["card"]
    destination_field = "card"
    connector_operator {
      s3 = "NO_OP"
    }
  }

  trigger_config {
    trigger_type = "OnDemand"
  }

  metadata_catalog_config {
    glue_data_catalog {
      database_name = "db"
      role_arn      = "arn:aws:iam::111122223333:role/glue"
      table_prefix  = "t"
    }
  }

  tags = {
    "cost:center" = "7"
    team          = "data"
  }
}

resource "aws_appflow_flow" "daily" {
  name = "tf-daily"

  source_flow_config {
    connector_type = "S3"
    source_connector_properties {
      s3 {
        bucket_name   = "shop"
        bucket_prefix = "orders"
      }
    }
  }

  destination_flow_config {
    connector_type = "S3"
    destination_connector_properties {
      s3 {
        bucket_name = "lake"
      }
    }
  }

  task {
    task_type     = "Map_all"
    source_fields = []
    connector_operator {
      s3 = "NO_OP"
    }
    task_properties = {
      "EXCLUDE_SOURCE_FIELDS_LIST" = "[]"
    }
  }

  trigger_config {
    trigger_type = "Scheduled"
    trigger_properties {
      scheduled {
        schedule_expression  = "rate(1days)"
        data_pull_mode       = "Incremental"
        schedule_start_time  = "2100-01-01T06:00:00Z"
        first_execution_from = "2099-01-01T00:00:00Z"
        timezone             = "Europe/Oslo"
      }
    }
  }
}

resource "aws_appflow_flow" "singular" {
  name = "tf-singular"

  source_flow_config {
    connector_type         = "Singular"
    connector_profile_name = aws_appflow_connector_profile.singular.name
    source_connector_properties {
      singular {
        object = "reports"
      }
    }
  }

  destination_flow_config {
    connector_type = "S3"
    destination_connector_properties {
      s3 {
        bucket_name = "lake"
      }
    }
  }

  task {
    task_type     = "Filter"
    source_fields = ["app"]
    connector_operator {
      singular = "PROJECTION"
    }
  }
  task {
    task_type         = "Map"
    source_fields     = ["app"]
    destination_field = "app"
    connector_operator {
      singular = "NO_OP"
    }
  }

  trigger_config {
    trigger_type = "OnDemand"
  }
}

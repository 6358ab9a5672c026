//! The parameters of a query string, taken one by one; every fault is collected and reported at once.

use std::collections::HashMap;

use actix_web::{HttpRequest, web};

use super::fault::{Fault, FieldFault, Kind};
use super::fields::escaped;

/// The parameters of a query string, each of which may be given once.
#[derive(Debug)]
pub struct Query {
    parameters: HashMap<String, String>,
    faults: Vec<FieldFault>,
}

impl Query {
    pub fn read(request: &HttpRequest) -> Result<Self, Fault> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string())
            .map_err(|error| {
                Fault::new(
                    Kind::Invalid,
                    format!("The query cannot be parsed: {error}."),
                )
            })?
            .into_inner();
        let mut query = Self {
            parameters: HashMap::new(),
            faults: Vec::new(),
        };
        for (name, value) in pairs {
            if query.parameters.insert(name.clone(), value).is_some() {
                query.fault(&name, "is given twice".to_owned());
            }
        }
        Ok(query)
    }

    /// Takes a parameter and reads it. An empty one is a fault: a filter that a program forgot to fill in must not list
    /// everything.
    pub fn take<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.parameters.remove(name)?;
        let read = match value.as_str() {
            "" => Err("is empty; give it a value, or leave it out".to_owned()),
            value => read(value),
        };
        match read {
            Ok(value) => Some(value),
            Err(detail) => {
                self.fault(name, detail);
                None
            }
        }
    }

    pub fn fault(&mut self, name: &str, detail: String) {
        self.faults.push(FieldFault {
            pointer: format!("/{}", escaped(name)),
            detail,
        });
    }

    pub fn finish(mut self) -> Result<(), Fault> {
        let unknown: Vec<String> = self.parameters.keys().cloned().collect();
        for name in unknown {
            self.fault(&name, "is not a parameter of this request".to_owned());
        }
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Fault::invalid(self.faults))
        }
    }
}

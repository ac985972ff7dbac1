//! A statement with its parameters, to be sent as often as it takes.
//!
//! Statements have no names: behind PgBouncer each transaction may have another server connection, which would not know
//! them. What is asked often is a function of the schema, whose plans the server connection keeps.

use tokio_postgres::types::{ToSql, Type};

type Value = Box<dyn ToSql + Sync + Send>;

/// A value whose type is known without asking the server.
pub(super) trait Typed: ToSql + Sync + Send + 'static {
    const TYPE: Type;
}

macro_rules! typed {
    ($($type:ty => $sql:ident, $array:ident;)*) => { $(
        impl Typed for $type { const TYPE: Type = Type::$sql; }
        impl Typed for Option<$type> { const TYPE: Type = Type::$sql; }
        impl Typed for Vec<$type> { const TYPE: Type = Type::$array; }
        impl Typed for Option<Vec<$type>> { const TYPE: Type = Type::$array; }
        impl Typed for Vec<Option<$type>> { const TYPE: Type = Type::$array; }
    )* };
}

typed! {
    bool => BOOL, BOOL_ARRAY;
    i16 => INT2, INT2_ARRAY;
    i32 => INT4, INT4_ARRAY;
    i64 => INT8, INT8_ARRAY;
    String => TEXT, TEXT_ARRAY;
}

/// A statement with its parameters.
pub(super) struct Call {
    text: Text,
    parameters: Vec<(Value, Type)>,
}

enum Text {
    Statement(String),
    /// A function of this schema, called with the parameters in order.
    Function(String, &'static str),
    /// The same, with an expression over the first so many parameters before the others.
    FunctionOf(String, &'static str, String, usize),
}

impl Call {
    /// A statement.
    pub(super) fn statement(sql: impl Into<String>) -> Self {
        Self { text: Text::Statement(sql.into()), parameters: Vec::new() }
    }

    /// A function of a schema.
    pub(super) fn function(schema: &str, name: &'static str) -> Self {
        Self { text: Text::Function(schema.to_owned(), name), parameters: Vec::new() }
    }

    /// A function of a schema that is given, before the parameters that follow, an expression over those that this has
    /// already.
    pub(super) fn into_function_of(self, schema: &str, name: &'static str, first: String) -> Self {
        let given = self.parameters.len();
        Self { text: Text::FunctionOf(schema.to_owned(), name, first, given), ..self }
    }

    /// The same with one more parameter.
    pub(super) fn with(mut self, value: impl Typed) -> Self {
        fn type_of<T: Typed>(_: &T) -> Type {
            T::TYPE
        }
        let type_ = type_of(&value);
        self.parameters.push((Box::new(value), type_));
        self
    }

    /// Its text when `more` parameters follow.
    pub(super) fn sql(&self, more: usize) -> String {
        match &self.text {
            Text::Statement(sql) => sql.clone(),
            Text::Function(schema, name) => {
                format!("SELECT * FROM {schema}.{name}({})", self.places(0, more).join(", "))
            }
            Text::FunctionOf(schema, name, first, given) => {
                let mut all = vec![first.clone()];
                all.extend(self.places(*given, more));
                format!("SELECT * FROM {schema}.{name}({})", all.join(", "))
            }
        }
    }

    /// The placeholders of all parameters but the first so many, and of so many more.
    fn places(&self, but: usize, more: usize) -> Vec<String> {
        (but + 1..=self.parameters.len() + more).map(|place| format!("${place}")).collect()
    }

    pub(super) fn parameters(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.parameters.iter().map(|(value, type_)| (&**value as _, type_.clone())).collect()
    }
}

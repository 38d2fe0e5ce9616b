using System.Reflection;
using System.Runtime.CompilerServices;

namespace Skylight.Edge.Tests.FunctionsApi;

/// <summary>The public surface of a type by reflection, in the inventory's plain form.</summary>
internal static class Declared
{
    private const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    /// <summary>Members that every record and every value type has, which the inventory leaves out.</summary>
    private static readonly HashSet<string> Implicit = ["Equals", "GetHashCode", "ToString", "<Clone>$", "PrintMembers", "op_Equality", "op_Inequality", "get_EqualityContract"];

    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(void)] = "void", [typeof(string)] = "string", [typeof(object)] = "object", [typeof(bool)] = "bool", [typeof(int)] = "int", [typeof(long)] = "long", [typeof(double)] = "double",
        [typeof(byte)] = "byte",
    };

    public static IEnumerable<string> Members(Type type)
    {
        if (type.IsEnum)
        {
            foreach (var field in type.GetFields(BindingFlags.Public | BindingFlags.Static)) yield return field.Name;
            yield break;
        }

        if (typeof(Delegate).IsAssignableFrom(type))
        {
            var invoke = type.GetMethod("Invoke")!;
            yield return $"{Name(invoke.ReturnType)} {Simple(type)}({Parameters(invoke)})";
            yield break;
        }

        foreach (var constructor in type.GetConstructors(All).Where(c => Visible(c) && !c.IsStatic))
        {
            // A public class without constructors has one in both; a copy constructor is the compiler's.
            if (constructor.GetParameters().Length > 0 && !constructor.IsDefined(typeof(CompilerGeneratedAttribute))) yield return $"{Simple(type)}({Parameters(constructor)})";
        }

        foreach (var method in type.GetMethods(All).Where(m => Visible(m) && !m.IsSpecialName && !Implicit.Contains(m.Name) && m.GetBaseDefinition() == m))
        {
            var generic = method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(a => a.Name))}>" : "";
            yield return $"{Modifiers(method, type)}{Name(method.ReturnType)} {method.Name}{generic}({Parameters(method)})";
        }

        foreach (var property in type.GetProperties(All))
        {
            var getter = property.GetMethod;
            if (getter is null || !Visible(getter) || Implicit.Contains(getter.Name) || getter.GetBaseDefinition() != getter) continue;
            var setter = property.SetMethod is { } set && Visible(set)
                ? set.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) ? " init;" : " set;"
                : "";
            yield return $"{Modifiers(getter, type)}{Name(property.PropertyType)} {property.Name} {{ get;{setter} }}";
        }

        foreach (var field in type.GetFields(All).Where(f => f.IsPublic)) yield return $"{Name(field.FieldType)} {field.Name}";
    }

    private static bool Visible(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static string Modifiers(MethodInfo method, Type type) =>
        method.IsStatic ? "static " : type.IsInterface ? "" : method.IsAbstract ? "abstract " : method.IsVirtual && !method.IsFinal ? "virtual " : "";

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(p => $"{Name(p.ParameterType)} {p.Name}"));

    private static string Simple(Type type) => type.Name.Split('`')[0];

    private static string Name(Type type)
    {
        if (type.IsByRef) return Name(type.GetElementType()!);
        if (Keywords.TryGetValue(type, out var keyword)) return keyword;
        if (Nullable.GetUnderlyingType(type) is { } inner) return Name(inner);
        if (type.IsArray) return Name(type.GetElementType()!) + "[]";
        var name = type.IsNested && !type.IsGenericParameter ? $"{Simple(type.DeclaringType!)}.{Simple(type)}" : Simple(type);
        return type.IsGenericType ? $"{name}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>" : name;
    }
}

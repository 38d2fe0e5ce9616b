using System.ComponentModel;
using System.Reflection;
using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Options;
using Skylight.Local.Audit;

namespace Skylight.Edge.Hosting;

/// <summary>
/// Checks every options class of the product at once, before anything is opened: values that are not of their property's type and values
/// that break a rule are all named in one message. (The framework's own check stops at the first that cannot be converted.)
/// </summary>
internal static class SettingsCheck
{
    /// <summary>Settings that are read without a section of options, and the sections of the stores that are not in use.</summary>
    private static readonly string[] s_others =
    [
        EdgeStores.Setting, LocalAudit.AnchorFolderSetting,
        "Skylight:AuditAnchors", "Skylight:Blobs", "Skylight:Cosmos", "Skylight:Events", "Skylight:Ingress", "Skylight:Journal", "Skylight:KeyBackup", "Skylight:KeyBackup:Store", "Skylight:KeyEncryption", "Skylight:KeyRing", "Skylight:Queues",
    ];

    /// <exception cref="StartupException">Names every bad setting. Values are not repeated: they may be secrets.</exception>
    public static void Run(WebApplicationBuilder builder)
    {
        var errors = new List<string>();
        using var services = builder.Services.BuildServiceProvider();
        var types = OptionTypes(builder.Services).ToArray();
        string[] sections = [.. types.Select(SectionOf).OfType<string>(), .. s_others];
        Exception? foreign = null;
        foreach (var type in types)
        {
            var bad = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
            var section = SectionOf(type);
            if (section is not null) Convertible(type, builder.Configuration.GetSection(section), sections, errors, bad);
            try
            {
                var rules = bad.Count == 0 ? nameof(Whole) : nameof(Rest);
                typeof(SettingsCheck).GetMethod(rules, BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(type)
                    .Invoke(null, BindingFlags.DoNotWrapExceptions, null, [services, builder.Configuration, section, bad], null);
            }
            catch (OptionsValidationException invalid) when (invalid.OptionsType != type && types.Contains(invalid.OptionsType))
            {
                // Its rules ask for another section, which is told of in its own turn.
                foreign ??= invalid;
            }
            catch (InvalidOperationException unreadable)
            {
                foreign ??= unreadable;
            }
            catch (OptionsValidationException invalid)
            {
                errors.AddRange(invalid.Failures.Select(f => section is null || f.StartsWith("Skylight:", StringComparison.Ordinal) ? f : $"{section}:{f}"));
            }
        }

        Unclaimed(builder.Configuration.GetSection("Skylight"), sections, errors);
        if (errors.Count > 0) throw new StartupException([.. errors.Distinct()]);
        if (foreign is not null) ExceptionDispatchInfo.Throw(foreign);
    }

    /// <summary>A name that nothing reads is a setting that somebody believes in.</summary>
    private static void Unclaimed(IConfigurationSection section, string[] known, List<string> errors)
    {
        foreach (var child in section.GetChildren())
        {
            if (known.Contains(child.Path, StringComparer.OrdinalIgnoreCase)) continue;
            if (child.Value is null && known.Any(name => name.StartsWith(child.Path + ":", StringComparison.OrdinalIgnoreCase))) Unclaimed(child, known, errors);
            else errors.Add($"{child.Path} is not a setting. Known in {section.Path}: {string.Join(", ", known.Where(name => name.StartsWith(section.Path + ":", StringComparison.OrdinalIgnoreCase)).Select(name => name[(section.Path.Length + 1)..].Split(':')[0]).Distinct(StringComparer.OrdinalIgnoreCase).Order(StringComparer.Ordinal))}.");
        }
    }

    private static void Whole<T>(IServiceProvider services, IConfiguration configuration, string? section, HashSet<string> bad) where T : class =>
        _ = services.GetRequiredService<IOptions<T>>().Value;

    /// <summary>The rules on what is left of a section without the values that could not be read, which are told already.</summary>
    private static void Rest<T>(IServiceProvider services, IConfiguration configuration, string? section, HashSet<string> bad) where T : class
    {
        var good = configuration.GetSection(section!).AsEnumerable().Where(p => p.Value is not null && !bad.Contains(p.Key));
        var options = Activator.CreateInstance<T>();
        new ConfigurationBuilder().AddInMemoryCollection(good).Build().GetSection(section!).Bind(options);
        var failures = services.GetServices<IValidateOptions<T>>().Select(v => v.Validate(Options.DefaultName, options)).Where(r => r.Failed).SelectMany(r => r.Failures!).ToArray();
        if (failures.Length > 0) throw new OptionsValidationException(Options.DefaultName, typeof(T), failures);
    }

    private static IEnumerable<Type> OptionTypes(IServiceCollection services) => services
        .Where(s => s.ServiceType.IsGenericType && s.ServiceType.GetGenericTypeDefinition() is var d && (d == typeof(IConfigureOptions<>) || d == typeof(IValidateOptions<>)))
        .Select(s => s.ServiceType.GetGenericArguments()[0])
        .Where(t => t.Namespace?.StartsWith("Skylight", StringComparison.Ordinal) == true)
        .Distinct().OrderBy(t => t.FullName, StringComparer.Ordinal);

    private static string? SectionOf(Type type) => type.GetField("Section")?.GetRawConstantValue() as string;

    private static void Convertible(Type type, IConfigurationSection section, string[] sections, List<string> errors, HashSet<string> bad)
    {
        foreach (var child in section.GetChildren())
        {
            if (sections.Any(s => s.Equals(child.Path, StringComparison.OrdinalIgnoreCase) || s.StartsWith(child.Path + ":", StringComparison.OrdinalIgnoreCase))) continue;
            var property = type.GetProperty(child.Key, BindingFlags.Public | BindingFlags.Instance | BindingFlags.IgnoreCase);
            if (property is null)
            {
                errors.Add($"{child.Path} is not a setting. Known in {section.Path}: {string.Join(", ", type.GetProperties().Select(p => p.Name))}.");
                continue;
            }

            var target = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            if (child.Value is not { } text || target == typeof(string)) continue;
            var converter = TypeDescriptor.GetConverter(target);
            if (!converter.CanConvertFrom(typeof(string))) continue;
            try
            {
                _ = converter.ConvertFromInvariantString(text);
            }
            catch (Exception error) when (error is FormatException or ArgumentException or OverflowException or NotSupportedException)
            {
                bad.Add(child.Path);
                errors.Add($"{child.Path} must be {Describe(target)}.");
            }
        }
    }

    private static string Describe(Type type) =>
        type == typeof(bool) ? "true or false"
        : type.IsEnum ? "one of " + string.Join(", ", Enum.GetNames(type))
        : type == typeof(TimeSpan) ? "a time span such as 00:10:00"
        : type == typeof(Uri) ? "a URL"
        : type.IsPrimitive ? "a number" : $"a {type.Name}";
}

using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;

namespace Skylight.Functions.Identity;

/// <summary>The login page: one form, two languages, no script.</summary>
internal static class LoginPage
{
    private const string Style = """
        :root{color-scheme:light dark;font:16px/1.5 system-ui,"Noto Sans SC",sans-serif}body{display:grid;place-items:center;min-height:100vh;margin:0;background:light-dark(#eef2f6,#12171d)}
        main{width:min(22rem,90vw);padding:2rem;border-radius:.75rem;background:light-dark(#fff,#1c232b);box-shadow:0 1px 6px #0003}h1{font-size:1.25rem;margin:0 0 1.25rem}
        label{display:block;margin:.75rem 0 .25rem}input{box-sizing:border-box;width:100%;padding:.5rem;font:inherit;border:1px solid light-dark(#8a97a5,#5b6875);border-radius:.375rem;background:transparent;color:inherit}
        button{width:100%;margin-top:1.25rem;padding:.6rem;font:inherit;font-weight:600;border:0;border-radius:.375rem;background:#0b5cad;color:#fff;cursor:pointer}
        p[role=alert]{margin:.5rem 0 0;color:light-dark(#a11212,#ff9c9c)}small{display:block;margin-top:1rem;opacity:.75}
        """;

    private static readonly string StyleHash = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Style)));
    private static readonly HtmlEncoder Html = HtmlEncoder.Create(UnicodeRanges.All);

    /// <param name="fields">Parameters of the authorization, carried through the form.</param>
    /// <param name="user">What was typed before.</param>
    /// <param name="failed">Null on the first showing; zero after a wrong password; else how long to wait.</param>
    public static IActionResult Show(IReadOnlyDictionary<string, string> fields, string? user, TimeSpan? failed) => new Page(Render(fields, user, failed), failed, fields["redirect_uri"]);

    private static string Render(IReadOnlyDictionary<string, string> fields, string? user, TimeSpan? failed)
    {
        var hidden = string.Concat(fields.Select(f => $"<input type=\"hidden\" name=\"{Html.Encode(f.Key)}\" value=\"{Html.Encode(f.Value)}\">"));
        var message = failed is not { } wait ? ""
            : wait == TimeSpan.Zero ? "<p role=\"alert\">用户名或密码不正确。 User name or password is not right.</p>"
            : $"<p role=\"alert\">失败次数过多，请 {Math.Ceiling(wait.TotalMinutes):0} 分钟后再试。 Too many attempts; try again in {Math.Ceiling(wait.TotalMinutes):0} min.</p>";
        return $"""
            <!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>登录 · Sign in · Skylight</title><style>{Style}</style></head>
            <body><main><h1>登录 <span lang="en">Sign in</span></h1><form method="post" action="authorize" autocomplete="on">{hidden}
            <label for="user">用户名 <span lang="en">User name</span></label><input id="user" name="user" placeholder="name@hospital" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus value="{Html.Encode(user ?? "")}">
            <label for="password">密码 <span lang="en">Password</span></label><input id="password" name="password" type="password" autocomplete="current-password" required>{message}
            <button>登录 Sign in</button></form><small>Skylight 医学影像云</small></main></body></html>
            """;
    }

    private sealed class Page(string html, TimeSpan? failed, string redirect) : IActionResult
    {
        public async Task ExecuteResultAsync(ActionContext context)
        {
            var response = context.HttpContext.Response;
            response.StatusCode = failed switch
            {
                null => StatusCodes.Status200OK,
                { } none when none == TimeSpan.Zero => StatusCodes.Status401Unauthorized,
                _ => StatusCodes.Status429TooManyRequests,
            };
            response.ContentType = "text/html; charset=utf-8";
            response.Headers.CacheControl = "no-store";
            response.Headers["X-Frame-Options"] = "DENY";

            // Browsers hold the redirect after a form to form-action too, so the client's own origin is in it.
            response.Headers.ContentSecurityPolicy =
                $"default-src 'none'; style-src 'sha256-{StyleHash}'; form-action 'self' {new Uri(redirect).GetLeftPart(UriPartial.Authority)}; frame-ancestors 'none'; base-uri 'none'";
            await response.WriteAsync(html, context.HttpContext.RequestAborted);
        }
    }
}
